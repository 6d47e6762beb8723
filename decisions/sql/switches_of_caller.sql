-- Returns whether the kill switch of the tenant in context is on, and whether its partner's is. Runs with its owner's
-- rights, and returns no more than two booleans, because a customer cannot read its partner's row.
CREATE OR REPLACE FUNCTION switches_of_caller(OUT own boolean, OUT partners boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT t.kill_switch_active, coalesce(p.kill_switch_active, false)
        FROM public.tenants_tenant t LEFT JOIN public.tenants_tenant p ON p.id = t.parent_id
        WHERE t.id = (SELECT public.current_tenant())
    $$;

REVOKE ALL ON FUNCTION switches_of_caller FROM PUBLIC;
GRANT EXECUTE ON FUNCTION switches_of_caller TO app_web;
