-- Keeps the columns of the named traits in agreement with `traits`, whoever writes: they are the values of the members, as
-- far as these are of the right type.
CREATE OR REPLACE FUNCTION trait_columns() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        t CONSTANT jsonb := NEW.traits;
        size CONSTANT numeric := CASE jsonb_typeof(t -> 'team_size') WHEN 'number' THEN (t ->> 'team_size')::numeric END;
    BEGIN
        NEW.name := CASE jsonb_typeof(t -> 'name') WHEN 'string' THEN left(t ->> 'name', 255) ELSE '' END;
        NEW.email := CASE jsonb_typeof(t -> 'email') WHEN 'string' THEN left(t ->> 'email', 255) ELSE '' END;
        NEW.company := CASE jsonb_typeof(t -> 'company') WHEN 'string' THEN left(t ->> 'company', 255) ELSE '' END;
        NEW.role := CASE jsonb_typeof(t -> 'role') WHEN 'string' THEN left(t ->> 'role', 255) ELSE '' END;
        NEW.locale := CASE jsonb_typeof(t -> 'locale') WHEN 'string' THEN left(t ->> 'locale', 255) ELSE '' END;
        NEW.team_size := CASE WHEN size BETWEEN 0 AND 2147483647 AND size = trunc(size) THEN size END;
        RETURN NEW;
    END
    $$;

REVOKE ALL ON FUNCTION trait_columns FROM PUBLIC;

CREATE OR REPLACE TRIGGER trait_columns BEFORE INSERT OR UPDATE OF traits, name, email, company, role, locale, team_size
    ON events_trackeduser FOR EACH ROW EXECUTE FUNCTION trait_columns();
