-- Notes which thresholds of the partner in context were reached and not noted yet, at most so many. Returns them: the
-- caller tells the partner of each in the same transaction. Of several at the same time each is noted by one.
--
-- Only months that are open count: of the fleet those that are open for any customer, with what those used whose month
-- is closed. A customer without a limit, or with one of 0, reaches none.
CREATE OR REPLACE FUNCTION reach_thresholds(at_most int)
    RETURNS TABLE (tenant_id uuid, period date, metric text, threshold int, used numeric, allowance numeric)
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH partner AS MATERIALIZED (
            SELECT public.current_tenant() AS id
        ), alert AS MATERIALIZED (
            SELECT a.* FROM public.events_usagealert a WHERE a.tenant_id = (SELECT id FROM partner)
        ), month (starts_on) AS (
            SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => back))::date
            FROM generate_series(0, 1) back
        ), customer AS MATERIALIZED (
            SELECT t.id, m.starts_on, a.metric, a.scope, a.thresholds, CASE a.metric
                    WHEN 'active_users' THEN u.active_users
                    WHEN 'events' THEN u.events
                    WHEN 'decisions' THEN u.decisions
                    WHEN 'actions_delivered' THEN u.actions_delivered
                    WHEN 'outcomes' THEN u.outcomes
                    WHEN 'action_cost_usd' THEN u.action_cost_usd
                END AS used, coalesce(a.allowance, CASE a.metric
                    WHEN 'active_users' THEN t.tracked_user_limit
                    WHEN 'action_cost_usd'
                        THEN substring(t.config ->> 'action_budget_usd' FROM '^[0-9]{1,12}(?:\.[0-9]{1,6})?$')::numeric
                END) AS allowance, a.allowance AS given, u.closed_at IS NULL AS is_open
            FROM alert a CROSS JOIN month m
            JOIN public.tenants_tenant t ON t.parent_id = (SELECT id FROM partner)
            LEFT JOIN public.events_usage u
                ON u.tenant_id = t.id AND u.unit = 'month' AND u.starts_on = m.starts_on AND u.correction = 0
        ), found AS (
            SELECT c.id, c.starts_on, c.metric, c.thresholds, c.used, c.allowance
            FROM customer c WHERE c.scope = 'each_customer' AND c.used > 0 AND c.is_open
            UNION ALL
            SELECT p.id, c.starts_on, c.metric, c.thresholds, sum(c.used), coalesce(min(c.given), sum(c.allowance))
            FROM customer c CROSS JOIN partner p WHERE c.scope = 'fleet'
            GROUP BY p.id, c.starts_on, c.metric, c.thresholds HAVING bool_or(c.is_open)
        ), reached AS (
            SELECT f.id, f.starts_on, f.metric, n.threshold, f.used, f.allowance
            FROM found f CROSS JOIN LATERAL unnest(f.thresholds) AS n (threshold)
            WHERE f.allowance > 0 AND f.used * 100 >= n.threshold * f.allowance AND NOT EXISTS (
                SELECT FROM public.events_reachedthreshold r
                WHERE r.tenant_id = f.id AND r.period = f.starts_on AND r.metric = f.metric AND r.threshold = n.threshold
            )
            ORDER BY f.id, f.starts_on, f.metric, n.threshold LIMIT at_most
        )
        INSERT INTO public.events_reachedthreshold AS r
            (tenant_id, partner_id, period, metric, threshold, used, allowance)
        SELECT f.id, p.id, f.starts_on, f.metric, f.threshold, f.used, f.allowance FROM reached f CROSS JOIN partner p
        ORDER BY 1, 3, 4, 5
        ON CONFLICT (tenant_id, period, metric, threshold) DO NOTHING
        RETURNING r.tenant_id, r.period, r.metric::text, r.threshold, r.used, r.allowance
    $$;

REVOKE ALL ON FUNCTION reach_thresholds FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reach_thresholds TO app_worker;
