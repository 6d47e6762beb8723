-- Adds up the statistics of a partner's customers for a release, and puts the sums with noise in learning_noisysum. This
-- is the only place where the statistics of several tenants meet. No sum without noise leaves it, and none at all is
-- returned: the caller reads learning_noisysum after it has committed what this function charges.
--
-- A customer contributes if it consents, has learned from at least 200 outcomes, has enough budget left, and is not in
-- the release yet. Its statistic is clipped to the length 1.999999 (learning.patterns.privacy.WITHIN), then converted to
-- integers in units of 2^-20 (FIXED_POINT), rounded towards zero. The millionth below 2 exceeds the rounding errors of
-- any of these sums, so the integers' length is at most 2^21. The same statement writes each contributor's receipt,
-- which charges its budget.
--
-- There is no minimum number of contributors: whether a release came would then depend on an exact count, without
-- noise, and reveal the last contributor. So every block of the partner has sums, also those that nobody tried. A block
-- has `width` of them.
CREATE OR REPLACE FUNCTION contribute(release bigint, partner uuid, width integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        -- Two releases at once would spend the same budget. The second one waits, and its next statement has to see what
        -- the first one charged.
        IF current_setting('transaction_isolation') <> 'read committed' THEN
            RAISE EXCEPTION 'contribute: the transaction must be READ COMMITTED'
                USING ERRCODE = 'object_not_in_prerequisite_state';
        END IF;
        PERFORM pg_advisory_xact_lock(hashtext('learning.release'));

        WITH asked AS (
            SELECT r.id, r.epsilon, r.rho, r.budget, (now() AT TIME ZONE 'UTC')::date AS today,
                ceil(r.deviation::numeric * r.deviation::numeric * 1099511627776) AS variance
            FROM public.learning_release r WHERE r.id = contribute.release
        ), contributor AS MATERIALIZED (
            SELECT s.tenant_id, s.actions, s.statistic,
                cardinality(s.statistic) / (1 + cardinality(s.actions)) AS width
            FROM asked
            CROSS JOIN public.tenants_tenant t
            JOIN public.tenants_tenant p ON p.id = t.parent_id
            JOIN public.learning_modelstate s ON s.tenant_id = t.id
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(x.rho), 0) AS spent, coalesce(bool_or(x.release_id = asked.id), false) AS is_in
                FROM public.learning_receipt x
                WHERE x.tenant_id = t.id AND x.released_on > asked.today - 365
            ) ledger
            WHERE p.id = contribute.partner
                AND t.plan_status = 'active'
                AND public.stricter_consent(t.config, p.config) = 'contribute'
                AND cardinality(s.statistic) > 0
                AND (SELECT sum(n) FROM unnest(s.trials) n) >= 200
                AND ledger.spent + asked.rho <= asked.budget * 1.000000001
                AND NOT ledger.is_in
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
        ), exact AS (
            SELECT c.block, c.place, sum(trunc(c.value * f.factor * 1048576)::bigint)::bigint AS total
            FROM cell c JOIN factor f ON f.tenant_id = c.tenant_id
            GROUP BY c.block, c.place
        ), block AS (
            SELECT unnest(ARRAY['shared', 'nothing']) AS name
            UNION ALL
            SELECT t.id::text FROM public.integrations_actiontypetemplate t WHERE t.tenant_id = contribute.partner
        )
        INSERT INTO public.learning_noisysum (release_id, partner_id, block, totals, charged_in)
        SELECT asked.id, contribute.partner, b.name,
            array_agg(coalesce(e.total, 0) + public.discrete_gaussian(asked.variance) ORDER BY n.place),
            pg_current_xact_id()::text::bigint
        FROM asked CROSS JOIN block b CROSS JOIN generate_series(0, contribute.width - 1) n (place)
        LEFT JOIN exact e ON e.block = b.name AND e.place = n.place
        GROUP BY asked.id, b.name;
    END
    $$;

REVOKE ALL ON FUNCTION contribute FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contribute TO app_release;
