"""All audit entries and events of a transaction get their places at once: the time is linear in their number.

What tenants are shown of an entry is hashed before the chain is locked, and once.
"""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_events = import_module("tenants.migrations.0023_partner_events")
_families = import_module("tenants.migrations.0038_audit_families")
_linked = import_module("tenants.migrations.0039_audit_entries_linked")

# As it was until the first event of a transaction alone moved the head.
NUMBER_EVENT = """\
-- Gives a partner's events their numbers, without gaps and in the order of commits: whoever reads up to a number has
-- missed nothing before it.
--
-- A transaction that numbers an event makes others of the same partner wait until it has committed, so the numbers are
-- given at COMMIT. Each event of a transaction gets the next number, in the order in which they were written; the head is
-- locked before the first of them and moved once, behind the last. Every update of a row leaves a version of it that the
-- next update in the same transaction reads past, so moving the head for each event would take quadratic time.
CREATE OR REPLACE FUNCTION number_event() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        head bigint;
        newest bigint;
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO public.tenants_eventhead (tenant_id, seq)
            SELECT NEW.tenant_id, 0
            WHERE NOT EXISTS (SELECT FROM public.tenants_eventhead h WHERE h.tenant_id = NEW.tenant_id)
            ON CONFLICT DO NOTHING;
            SELECT h.seq INTO STRICT head FROM public.tenants_eventhead h WHERE h.tenant_id = NEW.tenant_id FOR UPDATE;
        END IF;
        SELECT e.seq INTO newest FROM public.tenants_partnerevent e
        WHERE e.tenant_id = NEW.tenant_id AND e.seq IS NOT NULL ORDER BY e.seq DESC LIMIT 1;
        IF TG_OP = 'INSERT' THEN
            -- The head is ahead where the events up to it were deleted, behind where this transaction numbered some.
            UPDATE public.tenants_partnerevent SET seq = greatest(head, newest) + 1 WHERE id = NEW.id;
        ELSE
            UPDATE public.tenants_eventhead SET seq = newest WHERE tenant_id = NEW.tenant_id AND seq < newest;
        END IF;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION number_event FROM PUBLIC;

DROP TRIGGER IF EXISTS event_written ON tenants_partnerevent;
CREATE CONSTRAINT TRIGGER event_written AFTER INSERT ON tenants_partnerevent DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION number_event();

DROP TRIGGER IF EXISTS event_numbered ON tenants_partnerevent;
CREATE CONSTRAINT TRIGGER event_numbered AFTER UPDATE OF seq ON tenants_partnerevent DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION number_event();
"""  # noqa: E501

# As they were until entries had random ids.
AUDIT_FAMILY_HASH = """\
-- The hash of an audit entry in the chain of its family: SHA-256 of the hash of the one before in hex, and of what tenants
-- are shown of it as JSON. docs/retivo_verify.py makes the same of an export.
--
-- Of what goes when a tenant is deleted, only the hash is in it.
CREATE OR REPLACE FUNCTION audit_family_hash(entry tenants_auditentry) RETURNS bytea
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT sha256(convert_to(encode(entry.family_previous_hash, 'hex') || jsonb_build_object(
            'id', 'aud_' || entry.id,
            'seq', entry.family_seq,
            'created_at', to_char(entry.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'actor', entry.shown_actor,
            'action', entry.action,
            'target_type', entry.target_type,
            'target_id', entry.target_id,
            'customer', nullif(entry.tenant_id, entry.family_id),
            'request_id', entry.request_id,
            'content_sha256', encode(entry.content_hash, 'hex')
        )::text, 'UTF8'))
    $$;

REVOKE ALL ON FUNCTION audit_family_hash FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_family_hash TO app_staff;
"""  # noqa: E501

DESCRIBE_AUDIT_ENTRY = """\
-- An audit entry with what its tenant is shown of it whatever its place in the chain: the family, the actor, and the hash
-- of its content. An entry that is about no tenant has none of these.
--
-- A family is a partner and its customers, or a tenant without a partner.
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
        entry.content_hash := public.audit_content_hash(entry);
        RETURN entry;
    END
    $$;

REVOKE ALL ON FUNCTION describe_audit_entry FROM PUBLIC;
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
    atomic = False  # a lock on one table at a time

    dependencies = [("tenants", "0047_use_of_keys_let_in")]

    operations = [
        migrations.RunSQL(sql=[DESCRIBE_AUDIT_ENTRY], reverse_sql="DROP FUNCTION describe_audit_entry"),
        InForce(
            "tenants", "is_audit_entry_intact", digest="3170144b8def", reverse_sql="DROP FUNCTION is_audit_entry_intact"
        ),
        migrations.RunSQL(sql=[AUDIT_FAMILY_HASH], reverse_sql=[_families.AUDIT_FAMILY_HASH]),
        InForce("tenants", "link_audit_entry", digest="67e607243958", reverse_sql=[_families.LINK_AUDIT_ENTRY]),
        migrations.RunSQL(sql=[CHAIN_ENTRY], reverse_sql=[_linked.CHAIN_ENTRY]),
        migrations.RunSQL(
            sql=[NUMBER_EVENT],
            reverse_sql=["DROP TRIGGER event_numbered ON tenants_partnerevent", _events.NUMBER_EVENT],
        ),
    ]
