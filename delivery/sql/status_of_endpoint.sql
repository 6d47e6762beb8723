-- Tells an endpoint's status from what is counted of it, and since when it has had that status. Whoever disables one
-- without a reason, as the release before does, was told 410.
CREATE OR REPLACE FUNCTION status_of_endpoint() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        NEW.disabled_because := CASE WHEN NEW.disabled_at IS NOT NULL
            THEN coalesce(NEW.disabled_because, 'endpoint_gone') END;
        NEW.status := CASE
            WHEN NEW.disabled_at IS NOT NULL THEN 'disabled'
            WHEN NEW.openings > 0 THEN 'open'
            WHEN NEW.consecutive_failures > 0 THEN 'failing'
            WHEN NEW.slow_since IS NOT NULL THEN 'slow'
            ELSE 'well'
        END;
        IF TG_OP = 'UPDATE' AND NEW.status <> OLD.status THEN
            NEW.since := now();
        END IF;
        RETURN NEW;
    END
    $$;

REVOKE ALL ON FUNCTION status_of_endpoint FROM PUBLIC;

CREATE OR REPLACE TRIGGER status_of_endpoint BEFORE INSERT OR UPDATE ON delivery_endpoint FOR EACH ROW
    EXECUTE FUNCTION status_of_endpoint();
