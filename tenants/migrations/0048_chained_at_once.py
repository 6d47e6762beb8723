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


class Migration(migrations.Migration):
    atomic = False  # a lock on one table at a time

    dependencies = [("tenants", "0047_use_of_keys_let_in")]

    operations = [
        InForce(
            "tenants", "describe_audit_entry", digest="1818cbf8cdac", reverse_sql="DROP FUNCTION describe_audit_entry"
        ),
        InForce(
            "tenants", "is_audit_entry_intact", digest="3170144b8def", reverse_sql="DROP FUNCTION is_audit_entry_intact"
        ),
        InForce("tenants", "audit_family_hash", digest="a7423397f39b", reverse_sql=[_families.AUDIT_FAMILY_HASH]),
        InForce("tenants", "link_audit_entry", digest="67e607243958", reverse_sql=[_families.LINK_AUDIT_ENTRY]),
        InForce("tenants", "chain_entry", digest="121179da3cb6", reverse_sql=[_linked.CHAIN_ENTRY]),
        migrations.RunSQL(
            sql=[NUMBER_EVENT],
            reverse_sql=["DROP TRIGGER event_numbered ON tenants_partnerevent", _events.NUMBER_EVENT],
        ),
    ]
