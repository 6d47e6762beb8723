-- Gives a partner's event its number, without gaps and in the order of commits: whoever reads up to a number has missed
-- nothing before it.
--
-- A transaction that numbers an event makes others of the same partner wait until it has committed, so the numbers are
-- given at COMMIT.
CREATE OR REPLACE FUNCTION number_event() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        number bigint;
    BEGIN
        INSERT INTO public.tenants_eventhead AS head (tenant_id, seq) VALUES (NEW.tenant_id, 1)
        ON CONFLICT (tenant_id) DO UPDATE SET seq = head.seq + 1 RETURNING head.seq INTO number;
        UPDATE public.tenants_partnerevent SET seq = number WHERE id = NEW.id;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION number_event FROM PUBLIC;

DROP TRIGGER IF EXISTS event_written ON tenants_partnerevent;
CREATE CONSTRAINT TRIGGER event_written AFTER INSERT ON tenants_partnerevent DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION number_event();
