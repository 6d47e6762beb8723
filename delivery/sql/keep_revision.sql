-- An action keeps the revision that it was decided under.
CREATE OR REPLACE FUNCTION keep_revision() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        RAISE EXCEPTION 'permission denied: an action keeps the revision that it was decided under'
            USING ERRCODE = 'insufficient_privilege';
    END
    $$;

REVOKE ALL ON FUNCTION keep_revision FROM PUBLIC;

CREATE OR REPLACE TRIGGER revision_kept BEFORE UPDATE OF revision ON delivery_action FOR EACH ROW
    WHEN (OLD.revision IS DISTINCT FROM NEW.revision)
    EXECUTE FUNCTION keep_revision();
