-- Makes what a partner says of an action type's name hold in all of its integrations: `held` has the same names in each of
-- them, whether or not the integration has such an action type yet. So a later revision that adds one is held as it is
-- published, and a later integration begins with the names that are held.
--
-- The advisory lock lets nobody register an integration while a name is turned: neither would see the other's row. Whoever
-- turns one takes it before the integrations' rows. The rows that a turn changes in consequence change no others.
CREATE OR REPLACE FUNCTION hold_names() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            PERFORM pg_advisory_xact_lock_shared(hashtextextended('retivo.hold:' || NEW.tenant_id, 0));
            NEW.held := coalesce((
                SELECT i.held - '*' FROM public.integrations_partnerintegration i WHERE i.tenant_id = NEW.tenant_id LIMIT 1
            ), NEW.held);
            RETURN NEW;
        END IF;
        PERFORM pg_advisory_xact_lock(hashtextextended('retivo.hold:' || NEW.tenant_id, 0));
        UPDATE public.integrations_partnerintegration i
           SET held = (NEW.held - '*')
                      || CASE WHEN i.held ? '*' THEN jsonb_build_object('*', i.held -> '*') ELSE '{}' END
         WHERE i.tenant_id = NEW.tenant_id AND i.held - '*' <> NEW.held - '*';
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION hold_names FROM PUBLIC;

CREATE OR REPLACE TRIGGER held_from_the_first BEFORE INSERT ON integrations_partnerintegration FOR EACH ROW
    EXECUTE FUNCTION hold_names();

CREATE OR REPLACE TRIGGER held_alike AFTER UPDATE OF held ON integrations_partnerintegration FOR EACH ROW
    WHEN (pg_trigger_depth() = 0 AND NEW.held - '*' IS DISTINCT FROM OLD.held - '*')
    EXECUTE FUNCTION hold_names();
