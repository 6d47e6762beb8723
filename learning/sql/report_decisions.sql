-- Tells the model what became of a tenant's remembered decisions, many at once, and returns how many of the reports said
-- something new. `reports` is an array of `{"decision_id", "outcome"?, "conversion"?}`.
--
-- The first outcome of a decision stands, and its largest conversion. Decisions that are not remembered are left out. The
-- users' rows are held against erasure until the transaction ends.
--
-- Runs with the rights of its caller: of a tenant's context, or of a function that records outcomes for one.
CREATE OR REPLACE FUNCTION report_decisions(tenant uuid, reports jsonb) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        told bigint;
    BEGIN
        INSERT INTO public.learning_example AS e
            (tenant_id, decision_id, user_id, action, features, outcome, conversion)
        SELECT d.tenant_id, d.decision_id, d.user_id, d.action, d.features, r.outcome, coalesce(r.conversion, 0)
          FROM jsonb_to_recordset(reports) AS r (decision_id text, outcome float8, conversion float8)
          JOIN public.learning_remembereddecision d ON d.tenant_id = tenant AND d.decision_id = r.decision_id
          JOIN public.events_trackeduser u ON u.tenant_id = d.tenant_id AND u.user_id = d.user_id
         ORDER BY d.decision_id
           FOR KEY SHARE OF u
        ON CONFLICT (tenant_id, decision_id) DO UPDATE SET
            features = excluded.features,
            outcome = coalesce(e.outcome, excluded.outcome),
            conversion = greatest(e.conversion, excluded.conversion)
        WHERE (e.outcome IS NULL AND excluded.outcome IS NOT NULL) OR excluded.conversion > e.conversion;
        GET DIAGNOSTICS told = ROW_COUNT;
        RETURN told;
    END
    $$;

REVOKE ALL ON FUNCTION report_decisions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION report_decisions TO app_web;
