"""The audit trail only grows: each entry has a position and the hash of the entry before it.

Entries from before have neither, and are not in the chain.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from retivo.database.sql import InForce

# As it was until entries named their target and their request.
TENANTS_AUDITENTRY = r"""
-- A tenant appends to the audit trail, of itself or of a customer, by its keys; staff alone read it. Nobody changes it or
-- takes anything out of it: chain_entry gives each entry its position and the hash of the one before.
ALTER TABLE tenants_auditentry ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_auditentry;
CREATE POLICY tenant_isolation ON tenants_auditentry TO app_web
    USING (
        tenant_id = (SELECT current_tenant())
        OR EXISTS (
            SELECT 1 FROM tenants_tenant t
            WHERE t.id = tenants_auditentry.tenant_id
                AND t.parent_id = (SELECT current_tenant())
        )
    )
    WITH CHECK (
        actor LIKE 'api\_key:%'
        AND (
            tenant_id = (SELECT current_tenant())
            OR EXISTS (
                SELECT 1 FROM tenants_tenant t
                WHERE t.id = tenants_auditentry.tenant_id
                    AND t.parent_id = (SELECT current_tenant())
            )
        )
    );

DROP POLICY IF EXISTS staff ON tenants_auditentry;
CREATE POLICY staff ON tenants_auditentry TO app_staff USING (true) WITH CHECK (true);

REVOKE INSERT, UPDATE, DELETE ON tenants_auditentry FROM app_staff;
GRANT INSERT (actor, action, tenant_id, address, detail) ON tenants_auditentry TO app_web, app_staff;
"""  # noqa: E501


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
        migrations.RunSQL(
            sql=[TENANTS_AUDITENTRY],
            reverse_sql=[
                "REVOKE ALL ON tenants_auditentry FROM app_web",
                "GRANT INSERT, UPDATE, DELETE ON tenants_auditentry TO app_staff",
                "GRANT INSERT ON tenants_auditentry TO app_rt",
            ],
        ),
    ]
