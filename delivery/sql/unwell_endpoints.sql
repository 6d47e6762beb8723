-- How many endpoints are left alone for now because their circuit is open, and how many for good because they answered
-- 410, over all tenants. Reads the index `endpoint_unwell` alone.
CREATE OR REPLACE FUNCTION unwell_endpoints(OUT open bigint, OUT disabled bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT count(*) FILTER (WHERE e.open_until > now() AND e.disabled_at IS NULL),
           count(*) FILTER (WHERE e.disabled_at IS NOT NULL)
      FROM public.delivery_endpoint e WHERE e.open_until IS NOT NULL OR e.disabled_at IS NOT NULL
    $$;

REVOKE ALL ON FUNCTION unwell_endpoints FROM PUBLIC;
GRANT EXECUTE ON FUNCTION unwell_endpoints TO app_web;
