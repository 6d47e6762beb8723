"""Whose actions these are, who sees which row, and the index of those in flight.

An action goes with its user, and attempts with their action: erasing a user leaves neither.
"""

from django.db import migrations

from retivo.database.rls import isolate, undo_isolation
from retivo.database.sql import InForce

_OWN = "tenant_id = {tenant}"


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0001_initial"),
        ("events", "0005_scores"),
        ("integrations", "0003_rotation_and_action_type_key"),
    ]

    operations = [
        migrations.RunSQL(
            sql=[
                """
                ALTER TABLE delivery_action ADD CONSTRAINT action_of_own_user
                FOREIGN KEY (tenant_id, user_id) REFERENCES events_trackeduser (tenant_id, user_id) ON DELETE CASCADE
                """,
                """
                ALTER TABLE delivery_action ADD CONSTRAINT action_of_own_type
                FOREIGN KEY (tenant_id, action_type_id) REFERENCES integrations_actiontype (tenant_id, id)
                """,
                """
                ALTER TABLE delivery_attempt ADD CONSTRAINT attempt_of_own_action
                FOREIGN KEY (tenant_id, action_id) REFERENCES delivery_action (tenant_id, id) ON DELETE CASCADE
                """,
            ],
            reverse_sql=[
                "ALTER TABLE delivery_attempt DROP CONSTRAINT attempt_of_own_action",
                "ALTER TABLE delivery_action DROP CONSTRAINT action_of_own_type",
                "ALTER TABLE delivery_action DROP CONSTRAINT action_of_own_user",
            ],
        ),
        isolate("delivery_action", visible=_OWN, grants="SELECT, INSERT, UPDATE"),
        isolate("delivery_attempt", visible=_OWN, grants="SELECT, INSERT"),
        InForce(
            "delivery", "delivery_endpoint", digest="fab7e34341a6", reverse_sql=undo_isolation("delivery_endpoint")
        ),
        # Of an integration a partner changes its secret, and nothing else.
        InForce(
            "integrations",
            "integrations_partnerintegration",
            digest="e48f4bf9232c",
            reverse_sql="""
                REVOKE UPDATE (encrypted_webhook_secret, encrypted_previous_secret, previous_secret_until)
                ON integrations_partnerintegration FROM app_rt
            """,
        ),
    ]
