-- Notes the minute of a change of usage, so that periodic work finds the tenants that sent something lately.
CREATE OR REPLACE FUNCTION note_activity() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        NEW.active_at := date_trunc('minute', now());
        RETURN NEW;
    END
    $$;

REVOKE ALL ON FUNCTION note_activity FROM PUBLIC;

CREATE OR REPLACE TRIGGER active_at BEFORE UPDATE ON events_monthlyusage FOR EACH ROW
    WHEN (OLD.active_at < date_trunc('minute', now()))
    EXECUTE FUNCTION note_activity();
