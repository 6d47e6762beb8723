-- Returns the usage of a partner's customers in a month, of all of them or of the given ones. The partner, which is the
-- tenant in context, gets totals only: it cannot read its customers' rows.
--
-- There are two statements because one plan would not serve both cases well: a hash join for all customers, look-ups by
-- key for those of one page.
CREATE OR REPLACE FUNCTION usage_of_customers(of_month date, customers uuid[] DEFAULT NULL)
    RETURNS TABLE (tenant_id uuid, active_users bigint, events bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        partner uuid := public.current_tenant();
    BEGIN
        IF customers IS NULL THEN
            RETURN QUERY
                SELECT u.tenant_id, sum(u.active_users)::bigint, sum(u.events)::bigint
                FROM public.events_monthlyusage u JOIN public.tenants_tenant t ON t.id = u.tenant_id
                WHERE t.parent_id = partner AND u.month = of_month
                GROUP BY u.tenant_id;
        ELSE
            RETURN QUERY
                SELECT u.tenant_id, sum(u.active_users)::bigint, sum(u.events)::bigint
                FROM public.events_monthlyusage u JOIN public.tenants_tenant t ON t.id = u.tenant_id
                WHERE t.parent_id = partner AND u.month = of_month AND u.tenant_id = ANY (customers)
                GROUP BY u.tenant_id;
        END IF;
    END
    $$;

REVOKE ALL ON FUNCTION usage_of_customers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION usage_of_customers TO app_web;
