"""Of the events of a transaction the first alone runs the trigger that moves the head."""

from importlib import import_module

from django.db import migrations

_former = import_module("tenants.migrations.0048_chained_at_once")

# As it was until its plans were kept to indexes.
NUMBER_EVENT = """\
-- Gives a partner's events their numbers, without gaps and in the order of commits: whoever reads up to a number has
-- missed nothing before it.
--
-- A transaction that numbers an event makes others of the same partner wait until it has committed, so the numbers are
-- given at COMMIT. Each event of a transaction gets the next number, in the order in which they were written. Every update
-- of a row leaves a version of it that the next update in the same transaction reads past, so moving the head for each
-- event would take quadratic time. It is locked before the first event and moved once, behind the last: the first event
-- is written with its tenant again, which runs the trigger on UPDATE after all that was deferred until then.
CREATE OR REPLACE FUNCTION number_event() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        head bigint;
        newest bigint;
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            UPDATE public.tenants_eventhead h SET seq = greatest(h.seq, (
                SELECT e.seq FROM public.tenants_partnerevent e
                WHERE e.tenant_id = NEW.tenant_id AND e.seq IS NOT NULL ORDER BY e.seq DESC LIMIT 1
            )) WHERE h.tenant_id = NEW.tenant_id;
            RETURN NULL;
        END IF;
        -- In one snapshot: a number beyond the head is of this transaction, which has locked the head then.
        SELECT h.seq, e.seq INTO head, newest FROM public.tenants_eventhead h LEFT JOIN LATERAL (
            SELECT e.seq FROM public.tenants_partnerevent e
            WHERE e.tenant_id = h.tenant_id AND e.seq IS NOT NULL ORDER BY e.seq DESC LIMIT 1
        ) e ON true WHERE h.tenant_id = NEW.tenant_id;
        IF newest > head THEN
            UPDATE public.tenants_partnerevent SET seq = newest + 1 WHERE id = NEW.id;
            RETURN NULL;
        END IF;
        IF head IS NULL THEN
            INSERT INTO public.tenants_eventhead (tenant_id, seq) VALUES (NEW.tenant_id, 0) ON CONFLICT DO NOTHING;
        END IF;
        SELECT h.seq INTO STRICT head FROM public.tenants_eventhead h WHERE h.tenant_id = NEW.tenant_id FOR UPDATE;
        UPDATE public.tenants_partnerevent SET seq = head + 1, tenant_id = NEW.tenant_id WHERE id = NEW.id;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION number_event FROM PUBLIC;

DROP TRIGGER IF EXISTS event_written ON tenants_partnerevent;
CREATE CONSTRAINT TRIGGER event_written AFTER INSERT ON tenants_partnerevent DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION number_event();

DROP TRIGGER IF EXISTS event_numbered ON tenants_partnerevent;
CREATE CONSTRAINT TRIGGER event_numbered AFTER UPDATE OF tenant_id ON tenants_partnerevent DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION number_event();
"""  # noqa: E501


class Migration(migrations.Migration):
    dependencies = [("tenants", "0048_chained_at_once")]

    operations = [
        migrations.RunSQL(sql=[NUMBER_EVENT], reverse_sql=[_former.NUMBER_EVENT]),
    ]
