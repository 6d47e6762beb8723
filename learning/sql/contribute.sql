-- Adds up the statistics of a partner's customers for a release. This is the only place where the statistics of several
-- tenants meet, and it returns only sums of clipped values.
--
-- A customer contributes if it consents, has learned from at least 200 outcomes and has enough budget left. Its
-- statistic is clipped to the length 1.999999 (learning.patterns.privacy.WITHIN), then converted to integers in units of 2^-20
-- (FIXED_POINT), rounded towards zero. The millionth below 2 exceeds the rounding errors of any of these sums, so the
-- integers' length is at most 2^21. The same statement writes each contributor's receipt, which charges its budget.
--
-- There is no minimum number of contributors: whether a release came would then depend on an exact count, without
-- noise, and reveal the last contributor. What is published depends on the noisy sums only.
CREATE OR REPLACE FUNCTION contribute(release bigint, partner uuid)
    RETURNS TABLE (block text, place integer, total bigint)
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH asked AS (
            SELECT r.id, r.epsilon, r.rho, r.budget, (now() AT TIME ZONE 'UTC')::date AS today
            FROM public.learning_release r WHERE r.id = contribute.release
        ), contributor AS MATERIALIZED (
            SELECT s.tenant_id, s.actions, s.statistic,
                cardinality(s.statistic) / (1 + cardinality(s.actions)) AS width
            FROM asked
            CROSS JOIN public.tenants_tenant t
            JOIN public.tenants_tenant p ON p.id = t.parent_id
            JOIN public.learning_modelstate s ON s.tenant_id = t.id
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(x.rho), 0) AS spent FROM public.learning_receipt x
                WHERE x.tenant_id = t.id AND x.released_on > asked.today - 365
            ) ledger
            WHERE p.id = contribute.partner
                AND t.plan_status = 'active'
                AND public.stricter_consent(t.config, p.config) = 'contribute'
                AND cardinality(s.statistic) > 0
                AND (SELECT sum(n) FROM unnest(s.trials) n) >= 200
                AND ledger.spent + asked.rho <= asked.budget * 1.000000001
        ), cell AS (
            SELECT c.tenant_id, coalesce(a.template_id::text, named.name) AS block,
                ((v.position - 1) % c.width)::integer AS place, sum(v.value) AS value
            FROM contributor c
            CROSS JOIN LATERAL unnest(c.statistic) WITH ORDINALITY v (value, position)
            CROSS JOIN LATERAL (
                SELECT CASE (v.position - 1) / c.width WHEN 0 THEN 'shared'
                    ELSE c.actions[(v.position - 1) / c.width] END AS name
            ) named
            LEFT JOIN public.integrations_actiontype a
                ON a.tenant_id = c.tenant_id AND a.id = named.name AND a.partner_id = contribute.partner
            WHERE a.id IS NOT NULL OR named.name IN ('shared', 'nothing')
            GROUP BY 1, 2, 3
        ), factor AS (
            SELECT c.tenant_id, least(1, 1.999999 / nullif(sqrt(sum(c.value ^ 2)), 0)) AS factor FROM cell c GROUP BY 1
        ), receipt AS (
            INSERT INTO public.learning_receipt (tenant_id, release_id, released_on, epsilon, rho)
            SELECT c.tenant_id, asked.id, asked.today, asked.epsilon, asked.rho FROM contributor c CROSS JOIN asked
        )
        SELECT c.block, c.place, sum(trunc(c.value * f.factor * 1048576)::bigint)::bigint
        FROM cell c JOIN factor f ON f.tenant_id = c.tenant_id
        GROUP BY c.block, c.place
    $$;

REVOKE ALL ON FUNCTION contribute FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contribute TO app_release;
