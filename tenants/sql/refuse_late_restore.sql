-- Keeps the time of a deletion: once it is over, nobody restores the tenant, and no tenant sets or moves its own.
CREATE OR REPLACE FUNCTION refuse_late_restore() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF NEW.id = public.current_tenant() THEN
            RAISE EXCEPTION 'permission denied: a tenant does not change its own deletion'
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        IF OLD.delete_at <= clock_timestamp() THEN
            RAISE EXCEPTION 'permission denied: the tenant is deleted since %', OLD.delete_at
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NEW;
    END
    $$;

REVOKE ALL ON FUNCTION refuse_late_restore FROM PUBLIC;

CREATE OR REPLACE TRIGGER restored_in_time BEFORE UPDATE OF delete_at ON tenants_tenant FOR EACH ROW
    WHEN (OLD.delete_at IS DISTINCT FROM NEW.delete_at)
    EXECUTE FUNCTION refuse_late_restore();
