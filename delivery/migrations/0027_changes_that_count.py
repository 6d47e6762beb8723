"""A change of an action says whether it arrived by it, and whether its outcome was reported: what is metered.

The columns are added to the catalogue alone.
"""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_changes = import_module("delivery.migrations.0009_action_changes")


class Migration(migrations.Migration):
    dependencies = [("delivery", "0026_deletions")]

    operations = [
        migrations.AddField(
            "actionchange",
            "delivered",
            models.BooleanField(db_default=False, help_text="It arrived by this change; counted once for an action"),
        ),
        migrations.AddField(
            "actionchange",
            "outcome",
            models.BooleanField(db_default=False, help_text="Its outcome was reported by this change"),
        ),
        InForce("delivery", "note_change", digest="7011629b95c6", reverse_sql=[_changes.NOTE_CHANGE]),
    ]
