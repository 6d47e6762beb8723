-- Returns the usage of a partner's customers, of all or of the given one, as it was counted by day or month: at most so
-- many rows behind the given place, in the order of customers' creation. The partner, which is the tenant in context,
-- cannot read its customers' rows itself.
CREATE OR REPLACE FUNCTION usage_of_periods(
    by_unit text, first_day date, last_day date, customer uuid,
    after_created_at timestamptz, after_tenant uuid, after_start date, after_correction int, at_most int
)
    RETURNS TABLE (
        created_at timestamptz, tenant_id uuid, external_id text, starts_on date, correction smallint,
        active_users bigint, events bigint, decisions bigint, actions_delivered bigint, outcomes bigint,
        action_cost_usd numeric, counted_at timestamptz, closed_at timestamptz
    )
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = 'force_custom_plan'
    AS $$
    #variable_conflict use_column
    DECLARE
        partner uuid := public.current_tenant();
    BEGIN
        RETURN QUERY
            SELECT t.created_at, u.tenant_id, t.external_id::text, u.starts_on, u.correction, u.active_users, u.events,
                u.decisions, u.actions_delivered, u.outcomes, u.action_cost_usd, u.counted_at, u.closed_at
            FROM (
                SELECT t.created_at, t.id, t.external_id FROM public.tenants_tenant t
                WHERE t.parent_id = partner AND (customer IS NULL OR t.id = customer)
                  AND (after_tenant IS NULL OR (t.created_at, t.id) >= (after_created_at, after_tenant))
                ORDER BY t.created_at, t.id
            ) t
            CROSS JOIN LATERAL (
                SELECT * FROM public.events_usage u
                WHERE u.tenant_id = t.id AND u.unit = by_unit AND u.starts_on BETWEEN first_day AND last_day
                  AND (t.id IS DISTINCT FROM after_tenant
                       OR (u.starts_on, u.correction) > (after_start, after_correction))
            ) u
            ORDER BY t.created_at, t.id, u.starts_on, u.correction
            LIMIT at_most;
    END
    $$;

REVOKE ALL ON FUNCTION usage_of_periods FROM PUBLIC;
GRANT EXECUTE ON FUNCTION usage_of_periods TO app_web;
