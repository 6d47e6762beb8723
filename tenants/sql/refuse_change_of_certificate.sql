-- Keeps the record of a deletion that is verified as its certificate says it. That it names the tenant and its partner no
-- more is all that may change.
CREATE OR REPLACE FUNCTION refuse_change_of_certificate() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        RAISE EXCEPTION 'permission denied: a deletion that is verified stays as its certificate says it'
            USING ERRCODE = 'insufficient_privilege';
    END
    $$;

REVOKE ALL ON FUNCTION refuse_change_of_certificate FROM PUBLIC;

CREATE OR REPLACE TRIGGER certificate_stays BEFORE UPDATE ON tenants_deletion FOR EACH ROW
    WHEN (
        OLD.status = 'verified'
        AND (
            to_jsonb(OLD) - '{subject_id,owner_id,reason}'::text[] <> to_jsonb(NEW) - '{subject_id,owner_id,reason}'::text[]
            OR NEW.subject_id IS NOT NULL
            OR NEW.owner_id IS DISTINCT FROM OLD.owner_id AND NEW.owner_id IS NOT NULL
        )
    )
    EXECUTE FUNCTION refuse_change_of_certificate();
