"""Whose playbooks these are, and who sees which row. What is of a user goes with the user."""

from typing import Any

from django.db import migrations

from retivo.database.rls import isolate, undo_isolation
from retivo.database.sql import InForce

_USER = "FOREIGN KEY (tenant_id, user_id) REFERENCES events_trackeduser (tenant_id, user_id) ON DELETE CASCADE"
_PLAYBOOK = "FOREIGN KEY (tenant_id, playbook_id) REFERENCES decisions_playbook (tenant_id, id) ON DELETE CASCADE"

_KEYS = [
    ("decisions_playbookentry", "entry_of_own_user", _USER),
    ("decisions_playbookentry", "entry_of_own_playbook", _PLAYBOOK),
    ("decisions_intervention", "intervention_for_own_user", _USER),
    ("decisions_intervention", "intervention_of_own_playbook", _PLAYBOOK),
]
_ADD: list[Any] = [f"ALTER TABLE {table} ADD CONSTRAINT {name} {key}" for table, name, key in _KEYS]
_DROP: list[Any] = [f"ALTER TABLE {table} DROP CONSTRAINT {name}" for table, name, _ in _KEYS]


class Migration(migrations.Migration):
    dependencies = [("decisions", "0001_initial"), ("events", "0009_policies_asked_once")]

    operations = [
        migrations.RunSQL(
            # Erasing a user finds their entries by it: the key has the playbook before the user.
            sql=[*_ADD, "CREATE INDEX entry_of_user ON decisions_playbookentry (tenant_id, user_id)"],
            reverse_sql=["DROP INDEX entry_of_user", *_DROP],
        ),
        InForce(
            "decisions", "decisions_playbook", digest="016c36c3438d", reverse_sql=undo_isolation("decisions_playbook")
        ),
        InForce(
            "decisions",
            "decisions_playbookentry",
            digest="67bf628e210c",
            reverse_sql=undo_isolation("decisions_playbookentry"),
        ),
        isolate("decisions_intervention", visible="tenant_id = {tenant}", grants="SELECT, INSERT, UPDATE"),
    ]
