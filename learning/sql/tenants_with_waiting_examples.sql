-- Returns the tenants that have examples which their models have not yet learned from.
--
-- The worker calls it without a tenant context, to find out which contexts to enter. It returns ids only, no tenant's
-- rows.
CREATE OR REPLACE FUNCTION tenants_with_waiting_examples() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT DISTINCT tenant_id FROM public.learning_example WHERE features IS NOT NULL $$;

REVOKE ALL ON FUNCTION tenants_with_waiting_examples FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenants_with_waiting_examples TO app_worker;
