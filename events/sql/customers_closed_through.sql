-- Returns the first month that is open for any of the customers of the partner in context; null where it has none. What a
-- customer uses is counted no further once it is being deleted.
CREATE OR REPLACE FUNCTION customers_closed_through() RETURNS date
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT min(coalesce(c.closed_through, date_trunc('month', t.created_at AT TIME ZONE 'UTC')::date))
        FROM public.tenants_tenant t LEFT JOIN public.events_usagecount c ON c.tenant_id = t.id
        WHERE t.parent_id = (SELECT public.current_tenant()) AND t.delete_at IS NULL
    $$;

REVOKE ALL ON FUNCTION customers_closed_through FROM PUBLIC;
GRANT EXECUTE ON FUNCTION customers_closed_through TO app_worker;
