-- Keeps rows as they are, whatever rights a role has; a trigger says why in its first argument. What goes with its tenant
-- goes if the owner of the table deletes it, as functions do with what is past its time, and staff delete it with a tenant
-- whose deletion is due. The second argument is the column that names the tenant, if that is not `tenant_id`.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        tenant uuid;
    BEGIN
        IF TG_OP = 'DELETE' THEN
            tenant := to_jsonb(OLD) ->> coalesce(TG_ARGV[1], 'tenant_id');
            IF current_user = (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = TG_RELID)
                OR tenant IS NOT NULL AND NOT EXISTS (
                    SELECT FROM public.tenants_tenant t
                    WHERE t.id = tenant AND (t.delete_at <= clock_timestamp()) IS NOT TRUE
                )
            THEN
                RETURN OLD;
            END IF;
        END IF;
        RAISE EXCEPTION 'permission denied: %', TG_ARGV[0] USING ERRCODE = 'insufficient_privilege';
    END
    $$;

REVOKE ALL ON FUNCTION refuse_change FROM PUBLIC;

CREATE OR REPLACE TRIGGER events_stay BEFORE DELETE ON tenants_partnerevent FOR EACH ROW
    EXECUTE FUNCTION refuse_change('what happened to a partner is kept');

CREATE OR REPLACE TRIGGER events_stay BEFORE DELETE ON tenants_eventhead FOR EACH ROW
    EXECUTE FUNCTION refuse_change('the count of a partner''s events is kept');

-- That the record names the tenant and its partner no more is all that may change.
CREATE OR REPLACE TRIGGER certificate_stays BEFORE UPDATE ON tenants_deletion FOR EACH ROW
    WHEN (
        OLD.status = 'verified'
        AND (
            to_jsonb(OLD) - '{subject_id,owner_id,reason}'::text[] <> to_jsonb(NEW) - '{subject_id,owner_id,reason}'::text[]
            OR NEW.subject_id IS NOT NULL
            OR NEW.owner_id IS DISTINCT FROM OLD.owner_id AND NEW.owner_id IS NOT NULL
        )
    )
    EXECUTE FUNCTION refuse_change('a deletion that is verified stays as its certificate says it');
