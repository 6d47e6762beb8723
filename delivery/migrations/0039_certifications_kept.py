"""A certification stays as it ended."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    atomic = False  # a lock on one table at a time

    dependencies = [("delivery", "0038_answers_of_before")]

    operations = [
        InForce(
            "delivery",
            "refuse_change_of_certification",
            digest="0c6053097042",
            reverse_sql=[
                "DROP TRIGGER certification_stays ON delivery_certification",
                "DROP FUNCTION refuse_change_of_certification",
            ],
        ),
    ]
