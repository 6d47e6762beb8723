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

# As they were until each family had a chain of its own, too.
AUDIT_HASH = """\
-- The hash of an audit entry with its place in the chain: SHA-256 of its columns as JSON.
--
-- Columns that are null are left out, so that a column that is added later changes the hash of no earlier entry.
CREATE OR REPLACE FUNCTION audit_hash(entry tenants_auditentry) RETURNS bytea
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET bytea_output = 'hex'
    AS $$
        SELECT sha256(convert_to(jsonb_object_agg(c.key, c.value)::text, 'UTF8'))
        FROM jsonb_each(to_jsonb(entry)) c WHERE jsonb_typeof(c.value) <> 'null'
    $$;

REVOKE ALL ON FUNCTION audit_hash FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_hash TO app_staff;
"""

CHAIN_ENTRY = """\
-- Appends an audit entry to the chain: gives it the next position and the hash of the entry before it.
--
-- The lock on the head makes the order, and is held until the transaction ends. So it is taken at COMMIT, when no client
-- can make it wait any more, and as the last lock: a deferred trigger runs in the order in which rows were written, among
-- the checks of foreign keys, so the trigger on INSERT only has the row written again, and the one on UPDATE runs after
-- all that was deferred until then.
CREATE OR REPLACE FUNCTION chain_entry() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        head public.tenants_audithead;
    BEGIN
        IF TG_OP = 'INSERT' THEN
            UPDATE public.tenants_auditentry SET position = NULL WHERE id = NEW.id;
            RETURN NULL;
        END IF;
        SELECT * INTO STRICT head FROM public.tenants_audithead FOR UPDATE;
        UPDATE public.tenants_auditentry e SET position = head.position + 1, previous_hash = head.hash
        WHERE e.id = NEW.id RETURNING e.position, public.audit_hash(e) INTO head.position, head.hash;
        UPDATE public.tenants_audithead SET position = head.position, hash = head.hash;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION chain_entry FROM PUBLIC;

DROP TRIGGER IF EXISTS entry_written ON tenants_auditentry;
CREATE CONSTRAINT TRIGGER entry_written AFTER INSERT ON tenants_auditentry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION chain_entry();

DROP TRIGGER IF EXISTS entry_chained ON tenants_auditentry;
CREATE CONSTRAINT TRIGGER entry_chained AFTER UPDATE ON tenants_auditentry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.position IS NULL) EXECUTE FUNCTION chain_entry();
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
        migrations.RunSQL(sql=[AUDIT_HASH], reverse_sql="DROP FUNCTION audit_hash"),
        migrations.RunSQL(
            sql=[CHAIN_ENTRY],
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
