"""Nobody takes away a pattern that was released."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("learning", "0018_announce_release"), ("tenants", "0050_refuse_change")]

    operations = [
        InForce(
            "learning",
            "refuse_change",
            digest="994eacc6bce3",
            reverse_sql="DROP TRIGGER pattern_stays ON learning_pattern",
        ),
    ]
