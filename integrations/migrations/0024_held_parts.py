"""What a partner holds a part of is told to whoever asks why nothing of it is sent."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    dependencies = [("integrations", "0023_revisions_kept")]

    operations = [
        InForce("integrations", "held_parts", digest="e80a846646ee", reverse_sql="DROP FUNCTION held_parts"),
    ]
