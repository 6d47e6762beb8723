"""Every audit entry has its place in the chain of its family: those from before, too, in the order of their ids.

In steps, each a transaction of its own, that go on where an interrupted `migrate` stopped. Meanwhile entries wait at
their COMMIT for one step at most.
"""

from importlib import import_module
from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from retivo.database.sql import InForce

_chain = import_module("tenants.migrations.0018_audit_chain")
_events = import_module("tenants.migrations.0023_partner_events")

_FAMILY_SEQ = models.UniqueConstraint(
    fields=("family_id", "family_seq"),
    condition=models.Q(("family_seq__isnull", False)),
    name="audit_family_seq_unique",
)
_IN_A_FAMILY = models.Q(("family_id__isnull", False))

_NEXT = "SELECT max(id) FROM (SELECT id FROM tenants_auditentry WHERE id > %s ORDER BY id LIMIT 1000) page"
_LINK = """
    DO $$
    DECLARE
        entry public.tenants_auditentry;
    BEGIN
        PERFORM FROM public.tenants_audithead FOR UPDATE;
        FOR entry IN
            SELECT * FROM public.tenants_auditentry
            WHERE id > {after} AND id <= {last} AND family_seq IS NULL AND tenant_id IS NOT NULL ORDER BY id
        LOOP
            entry := public.link_audit_entry(entry);
            UPDATE public.tenants_auditentry SET
                family_id = entry.family_id,
                family_seq = entry.family_seq,
                family_previous_hash = entry.family_previous_hash,
                family_hash = entry.family_hash,
                content_hash = entry.content_hash,
                shown_actor = entry.shown_actor
            WHERE id = entry.id;
        END LOOP;
    END
    $$
"""

# As it was until all entries of a transaction were chained at once.
CHAIN_ENTRY = """\
-- Appends an audit entry to the chain of all, and to that of its family: gives it the next position in each, and the hash
-- of the entry before it.
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
        entry public.tenants_auditentry;
    BEGIN
        IF TG_OP = 'INSERT' THEN
            UPDATE public.tenants_auditentry SET position = NULL WHERE id = NEW.id;
            RETURN NULL;
        END IF;
        SELECT * INTO STRICT head FROM public.tenants_audithead FOR UPDATE;
        SELECT * INTO STRICT entry FROM public.tenants_auditentry e WHERE e.id = NEW.id;
        entry := public.link_audit_entry(entry);
        entry.position := head.position + 1;
        entry.previous_hash := head.hash;
        UPDATE public.tenants_auditentry SET
            position = entry.position,
            previous_hash = entry.previous_hash,
            family_id = entry.family_id,
            family_seq = entry.family_seq,
            family_previous_hash = entry.family_previous_hash,
            family_hash = entry.family_hash,
            content_hash = entry.content_hash,
            shown_actor = entry.shown_actor
        WHERE id = entry.id;
        UPDATE public.tenants_audithead SET position = entry.position, hash = public.audit_hash(entry);
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION chain_entry FROM PUBLIC;

DROP TRIGGER IF EXISTS entry_written ON tenants_auditentry;
CREATE CONSTRAINT TRIGGER entry_written AFTER INSERT ON tenants_auditentry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION chain_entry();

DROP TRIGGER IF EXISTS entry_chained ON tenants_auditentry;
CREATE CONSTRAINT TRIGGER entry_chained AFTER UPDATE OF position ON tenants_auditentry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.position IS NULL) EXECUTE FUNCTION chain_entry();
"""  # noqa: E501


def link(_apps: Any, schema_editor: Any) -> None:
    after = 0
    with schema_editor.connection.cursor() as cursor:
        while True:
            cursor.execute(_NEXT, [after])
            (last,) = cursor.fetchone()
            if last is None:
                return
            cursor.execute(_LINK.format(after=after, last=last))
            after = last


def _index(name: str, *fields: str) -> AddIndexConcurrently:
    return AddIndexConcurrently(
        model_name="auditentry", index=models.Index(fields=fields, name=name, condition=_IN_A_FAMILY)
    )


# As it was until entries had random ids.
TENANTS_AUDITENTRY = r"""
-- A tenant appends to the audit trail, of itself or of a customer, by its keys, and reads what is about itself and, as a
-- partner, about its family. Who of the staff did something, staff alone read. Nobody changes the trail or takes anything out
-- of it: chain_entry gives each entry its positions and the hashes of those before.
ALTER TABLE tenants_auditentry ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_auditentry;
CREATE POLICY tenant_isolation ON tenants_auditentry FOR INSERT TO app_web
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

DROP POLICY IF EXISTS shown ON tenants_auditentry;
CREATE POLICY shown ON tenants_auditentry FOR SELECT TO app_web
    USING (family_id = (SELECT current_tenant()) OR tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON tenants_auditentry;
CREATE POLICY staff ON tenants_auditentry TO app_staff USING (true) WITH CHECK (true);

REVOKE INSERT, UPDATE, DELETE ON tenants_auditentry FROM app_staff;
GRANT INSERT (actor, action, tenant_id, target_type, target_id, address, request_id, detail) ON tenants_auditentry TO app_web, app_staff;
GRANT SELECT (
    id, created_at, shown_actor, action, tenant_id, target_type, target_id, address, request_id, detail, redacted_hash,
    content_hash, family_id, family_seq, family_previous_hash, family_hash
) ON tenants_auditentry TO app_web;
"""  # noqa: E501


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("tenants", "0038_audit_families")]

    operations = [
        migrations.RunSQL(
            sql=[
                "DROP INDEX CONCURRENTLY IF EXISTS audit_family_seq_unique",
                "CREATE UNIQUE INDEX CONCURRENTLY audit_family_seq_unique ON tenants_auditentry (family_id, family_seq)"
                " WHERE family_seq IS NOT NULL",
            ],
            reverse_sql="DROP INDEX CONCURRENTLY IF EXISTS audit_family_seq_unique",
            state_operations=[migrations.AddConstraint("auditentry", _FAMILY_SEQ)],
        ),
        migrations.RunPython(link, migrations.RunPython.noop),
        migrations.RunSQL(sql=[CHAIN_ENTRY], reverse_sql=[_chain.CHAIN_ENTRY]),
        # What was committed after the first walk and before the trigger.
        migrations.RunPython(link, migrations.RunPython.noop),
        _index("audit_of_family", "family_id", "created_at", "id"),
        _index("audit_of_family_by_action", "family_id", "action", "created_at", "id"),
        _index("audit_of_family_by_actor", "family_id", "shown_actor", "created_at", "id"),
        _index("audit_of_tenant", "tenant_id", "created_at", "id"),
        migrations.RunSQL(
            sql=[TENANTS_AUDITENTRY],
            reverse_sql=[
                "DROP POLICY shown ON tenants_auditentry",
                "REVOKE SELECT ON tenants_auditentry FROM app_web",
                _events.TENANTS_AUDITENTRY,
            ],
        ),
        InForce(
            "tenants",
            "refuse_change_of_entry",
            digest="0616a9625712",
            reverse_sql=[
                "DROP TRIGGER entries_stay ON tenants_auditentry",
                "DROP TRIGGER checkpoints_stay ON tenants_auditcheckpoint",
                "DROP FUNCTION refuse_change_of_entry",
            ],
        ),
    ]
