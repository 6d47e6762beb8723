-- Keeps closed usage as it is, whoever writes: a row that is closed does not change, and a month that is closed gets no
-- further row but corrections. Rows go with their tenant, which is being deleted then.
--
-- Runs with its owner's rights, because staff who delete a tenant and workers see different rows.
CREATE OR REPLACE FUNCTION refuse_closed_usage() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.correction > 0 OR NOT EXISTS (
                SELECT FROM public.events_usagecount c
                WHERE c.tenant_id = NEW.tenant_id AND c.closed_through > NEW.starts_on
            ) THEN
                RETURN NEW;
            END IF;
        ELSIF TG_OP = 'DELETE' AND NOT EXISTS (
            SELECT FROM public.tenants_tenant t WHERE t.id = OLD.tenant_id AND t.plan_status <> 'deleting'
        ) THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'permission denied: the usage of this month is closed' USING ERRCODE = 'insufficient_privilege';
    END
    $$;

REVOKE ALL ON FUNCTION refuse_closed_usage FROM PUBLIC;

CREATE OR REPLACE TRIGGER closed_stays BEFORE UPDATE OR DELETE ON events_usage FOR EACH ROW
    WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION refuse_closed_usage();

CREATE OR REPLACE TRIGGER closed_is_complete BEFORE INSERT ON events_usage FOR EACH ROW
    WHEN (NEW.correction = 0) EXECUTE FUNCTION refuse_closed_usage();
