"""Audit entries have random ids: a number told tenants how many entries all others have.

Those from before keep the id that is in their hashes.
"""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_linked = import_module("tenants.migrations.0039_audit_entries_linked")
_former = import_module("tenants.migrations.0048_chained_at_once")

# As they were until the content was hashed with a salt.
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
    id, created_at, public_id, shown_actor, action, tenant_id, target_type, target_id, address, request_id, detail, redacted_hash,
    content_hash, family_id, family_seq, family_previous_hash, family_hash
) ON tenants_auditentry TO app_web;
"""  # noqa: E501

CHAIN_ENTRY = """\
-- Appends audit entries to the chain of all, and to those of their families: gives each the next position in each, and the
-- hash of the entry before it.
--
-- The lock on the head makes the order, and is held until the transaction ends. So it is taken at COMMIT, when no client
-- can make it wait any more, and as the last lock: a deferred trigger runs in the order in which rows were written, among
-- the checks of foreign keys, so the trigger on INSERT only has the row written again, and the one on UPDATE runs after
-- all that was deferred until then.
--
-- The first run of the latter appends all entries of its transaction, in the order of their ids: of entries without
-- a position it sees no others, but for those from before there was a chain, whose ids are lower. The later runs find
-- theirs done. So the head is moved once. Every update of a row leaves a version of it that the next update in the same
-- transaction reads past, so moving the head for each entry would take quadratic time.
CREATE OR REPLACE FUNCTION chain_entry() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        head public.tenants_audithead;
        entry public.tenants_auditentry;
        entries public.tenants_auditentry[];
    BEGIN
        IF TG_OP = 'INSERT' THEN
            UPDATE public.tenants_auditentry SET position = NULL WHERE id = NEW.id AND position IS NULL;
            RETURN NULL;
        END IF;
        PERFORM FROM public.tenants_auditentry e WHERE e.id = NEW.id AND e.position IS NULL;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        -- What needs no place in a chain is made before others have to wait. By id: the index by position has an item for
        -- each entry that ever was without one.
        entries := ARRAY(
            SELECT public.describe_audit_entry(e) FROM public.tenants_auditentry e
            WHERE e.id >= NEW.id AND coalesce(e.position, 0) = 0 ORDER BY e.id
        );
        SELECT * INTO STRICT head FROM public.tenants_audithead FOR UPDATE;
        FOREACH entry IN ARRAY entries LOOP
            entry := public.link_audit_entry(entry);
            entry.position := head.position + 1;
            entry.previous_hash := head.hash;
            head.position := entry.position;
            head.hash := public.audit_hash(entry);
            UPDATE public.tenants_auditentry SET
                position = entry.position,
                previous_hash = entry.previous_hash,
                public_id = entry.public_id,
                family_id = entry.family_id,
                family_seq = entry.family_seq,
                family_previous_hash = entry.family_previous_hash,
                family_hash = entry.family_hash,
                content_hash = entry.content_hash,
                shown_actor = entry.shown_actor
            WHERE id = entry.id;
        END LOOP;
        UPDATE public.tenants_audithead SET position = head.position, hash = head.hash;
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

DESCRIBE_AUDIT_ENTRY = """\
-- An audit entry with what its tenant is shown of it whatever its place in the chain: its id, the family, the actor, and the
-- hash of its content. An entry that is about no tenant has none of these.
--
-- A family is a partner and its customers, or a tenant without a partner. The id is random: a number would tell tenants how
-- many entries others have. An entry that is in the chain of all keeps what it has.
CREATE OR REPLACE FUNCTION describe_audit_entry(entry tenants_auditentry) RETURNS tenants_auditentry
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF entry.tenant_id IS NULL THEN
            RETURN entry;
        END IF;
        entry.family_id := coalesce(
            (SELECT coalesce(t.parent_id, t.id) FROM public.tenants_tenant t WHERE t.id = entry.tenant_id),
            -- One that is deleted stays in the family that it was in.
            (SELECT e.family_id FROM public.tenants_auditentry e
              WHERE e.tenant_id = entry.tenant_id AND e.family_id IS NOT NULL ORDER BY e.id DESC LIMIT 1),
            entry.tenant_id
        );
        entry.shown_actor := CASE
            WHEN entry.actor ~ '^(api_key|client_token):' THEN entry.actor
            WHEN entry.actor ~ '^(staff|command):' THEN 'staff'
            ELSE 'system'
        END;
        IF entry.position IS NULL THEN
            entry.public_id := 'aud_' || replace(gen_random_uuid()::text, '-', '');
        END IF;
        entry.content_hash := public.audit_content_hash(entry);
        RETURN entry;
    END
    $$;

REVOKE ALL ON FUNCTION describe_audit_entry FROM PUBLIC;
"""  # noqa: E501


class Migration(migrations.Migration):
    dependencies = [("tenants", "0050_refuse_change")]

    operations = [
        migrations.AddField(
            "auditentry",
            "public_id",
            models.CharField(
                editable=False,
                help_text="Random; none of an entry from before there was one",
                max_length=40,
                null=True,
            ),
        ),
        migrations.RunSQL(sql=[TENANTS_AUDITENTRY], reverse_sql=[_linked.TENANTS_AUDITENTRY]),
        # First what writes the id, last what makes it: in between entries have none, and hashes without.
        migrations.RunSQL(sql=[CHAIN_ENTRY], reverse_sql=[_former.CHAIN_ENTRY]),
        InForce("tenants", "audit_family_hash", digest="9eb105bd393b", reverse_sql=[_former.AUDIT_FAMILY_HASH]),
        migrations.RunSQL(sql=[DESCRIBE_AUDIT_ENTRY], reverse_sql=[_former.DESCRIBE_AUDIT_ENTRY]),
    ]
