-- Returns how many rows usage_of_periods has, without a place to begin at: the first 10,000, for of 100,000 customers there
-- are millions.
CREATE OR REPLACE FUNCTION usage_periods(by_unit text, first_day date, last_day date, customer uuid) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT count(*) FROM (
            SELECT FROM public.tenants_tenant t
            CROSS JOIN LATERAL (
                SELECT FROM public.events_usage u
                WHERE u.tenant_id = t.id AND u.unit = by_unit AND u.starts_on BETWEEN first_day AND last_day
                LIMIT 10000
            ) u
            WHERE t.parent_id = (SELECT public.current_tenant()) AND (customer IS NULL OR t.id = customer)
            LIMIT 10000
        ) counted
    $$;

REVOKE ALL ON FUNCTION usage_periods FROM PUBLIC;
GRANT EXECUTE ON FUNCTION usage_periods TO app_web;
