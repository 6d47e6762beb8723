"""The content of audit entries is hashed with a salt: what was redacted cannot be found by trial."""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_redacted = import_module("tenants.migrations.0033_redacted_entries")
_families = import_module("tenants.migrations.0038_audit_families")
_former = import_module("tenants.migrations.0051_random_ids_of_entries")

# As it was until its plans were kept to indexes.
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
                content_salt = entry.content_salt,
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


class Migration(migrations.Migration):
    dependencies = [("tenants", "0052_permits_of_tenants")]

    operations = [
        migrations.AddField(
            "auditentry",
            "content_salt",
            models.BinaryField(
                editable=False,
                help_text="Random, and goes with the content; none of earlier entries",
                max_length=16,
                null=True,
            ),
        ),
        InForce("tenants", "tenants_auditentry", digest="5b04d0af5826", reverse_sql=[_former.TENANTS_AUDITENTRY]),
        # First what writes, reads and redacts the salt, last what makes it.
        migrations.RunSQL(sql=[CHAIN_ENTRY], reverse_sql=[_former.CHAIN_ENTRY]),
        InForce("tenants", "audit_content_hash", digest="f8a3af46cfbf", reverse_sql=[_families.AUDIT_CONTENT_HASH]),
        InForce("tenants", "redact_audit_entries", digest="efa45245d223", reverse_sql=[_redacted.REDACT_AUDIT_ENTRIES]),
        InForce("tenants", "describe_audit_entry", digest="0840323ed223", reverse_sql=[_former.DESCRIBE_AUDIT_ENTRY]),
    ]
