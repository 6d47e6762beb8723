"""The audit trail only grows: each entry has a position and the hash of the entry before it.

Entries from before have neither, and are not in the chain.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    atomic = False  # the index is made beside writes

    dependencies = [("tenants", "0017_order_of_commits")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    sql="""
                        ALTER TABLE tenants_auditentry
                            ADD COLUMN IF NOT EXISTS position bigint,
                            ADD COLUMN IF NOT EXISTS previous_hash bytea
                    """,
                    reverse_sql="ALTER TABLE tenants_auditentry DROP COLUMN position, DROP COLUMN previous_hash",
                ),
                migrations.RunSQL(
                    sql="""
                        CREATE TABLE IF NOT EXISTS tenants_audithead (
                            id smallint PRIMARY KEY CONSTRAINT audit_head_is_one CHECK (id = 1),
                            position bigint NOT NULL,
                            hash bytea NOT NULL
                        );
                        INSERT INTO tenants_audithead VALUES (1, 0, decode(repeat('00', 32), 'hex'))
                            ON CONFLICT DO NOTHING
                    """,
                    reverse_sql="DROP TABLE tenants_audithead",
                ),
            ],
            state_operations=[
                migrations.AddField(
                    model_name="auditentry",
                    name="position",
                    field=models.BigIntegerField(editable=False, help_text="In the chain, without gaps", null=True),
                ),
                migrations.AddField(
                    model_name="auditentry",
                    name="previous_hash",
                    field=models.BinaryField(max_length=32, null=True),
                ),
                migrations.CreateModel(
                    name="AuditHead",
                    fields=[
                        ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                        ("position", models.BigIntegerField(default=0)),
                        ("hash", models.BinaryField(max_length=32)),
                    ],
                    options={
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(("id", 1)), name="audit_head_is_one"),
                        ],
                    },
                ),
            ],
        ),
        AddIndexConcurrently(
            model_name="auditentry", index=models.Index(fields=["position"], name="audit_by_position")
        ),
        InForce(
            "tenants",
            "tenants_audithead",
            digest="d86539fcbceb",
            reverse_sql=["DROP POLICY staff ON tenants_audithead"],
        ),
        InForce("tenants", "audit_hash", digest="6a66c4467947", reverse_sql="DROP FUNCTION audit_hash"),
        InForce(
            "tenants",
            "chain_entry",
            digest="195b1f21ad3a",
            reverse_sql=[
                "DROP TRIGGER entry_chained ON tenants_auditentry",
                "DROP TRIGGER entry_written ON tenants_auditentry",
                "DROP FUNCTION chain_entry",
            ],
        ),
        InForce(
            "tenants",
            "tenants_auditentry",
            digest="c2a684c733c9",
            reverse_sql=[
                "REVOKE ALL ON tenants_auditentry FROM app_web",
                "GRANT INSERT, UPDATE, DELETE ON tenants_auditentry TO app_staff",
                "GRANT INSERT ON tenants_auditentry TO app_rt",
            ],
        ),
    ]
