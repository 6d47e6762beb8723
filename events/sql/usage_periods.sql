-- Returns how many rows usage_of_periods has, without a place to begin at and without a bound.
CREATE OR REPLACE FUNCTION usage_periods(by_unit text, first_day date, last_day date, customer uuid) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT count(*) FROM public.tenants_tenant t JOIN public.events_usage u ON u.tenant_id = t.id
        WHERE t.parent_id = (SELECT public.current_tenant()) AND (customer IS NULL OR t.id = customer)
          AND u.unit = by_unit AND u.starts_on BETWEEN first_day AND last_day
    $$;

REVOKE ALL ON FUNCTION usage_periods FROM PUBLIC;
GRANT EXECUTE ON FUNCTION usage_periods TO app_web;
