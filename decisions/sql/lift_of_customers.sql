-- Returns what a partner may know about the effect of actions at its customers: sums over all of them.
--
-- The weights are those of decisions.lift. Counts that have not been renewed for a day belong to suspended tenants, and
-- a tenant that lacks treated or held-out users has nothing to compare: both are left out. With fewer than 20 users of
-- either kind there are no sums, because they would reveal individuals rather than rates.
CREATE OR REPLACE FUNCTION lift_of_customers(
    OUT customers bigint, OUT counted_at timestamptz,
    OUT treated bigint, OUT treated_converted bigint, OUT held_out bigint, OUT held_out_converted bigint,
    OUT weight float8, OUT treated_rate float8, OUT held_out_rate float8,
    OUT treated_spread float8, OUT held_out_spread float8
)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT s.customers, t.*
        FROM (
            SELECT count(*) AS customers, min(c.counted_at) AS counted_at,
                sum(c.treated) AS treated, sum(c.treated_converted) AS treated_converted,
                sum(c.held_out) AS held_out, sum(c.held_out_converted) AS held_out_converted,
                sum(c.w) AS weight,
                sum(c.w * c.treated_converted / c.treated) AS treated_rate,
                sum(c.w * c.held_out_converted / c.held_out) AS held_out_rate,
                sum(c.w * c.w / c.treated) AS treated_spread,
                sum(c.w * c.w / c.held_out) AS held_out_spread
            FROM (
                SELECT l.*, l.treated::float8 * l.held_out / (l.treated::float8 + l.held_out) AS w
                FROM public.decisions_liftcount l JOIN public.tenants_tenant t ON t.id = l.tenant_id
                WHERE t.parent_id = (SELECT public.current_tenant())
                  AND l.treated > 0 AND l.held_out > 0 AND l.counted_at > now() - interval '1 day'
            ) c
        ) s
        LEFT JOIN LATERAL (
            SELECT s.counted_at, s.treated, s.treated_converted, s.held_out, s.held_out_converted,
                s.weight, s.treated_rate, s.held_out_rate, s.treated_spread, s.held_out_spread
        ) t ON s.treated >= 20 AND s.held_out >= 20
    $$;

REVOKE ALL ON FUNCTION lift_of_customers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lift_of_customers TO app_web;
