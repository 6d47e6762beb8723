-- Records what came of actions, and tells the model. Of several reports of an action the first one stands.
--
-- `outcomes` is an array of `{"tenant_id", "action_id", "status", "result"?}`, with one entry an action. Returns for each
-- what became of it, and the status that stands: `recorded`, `duplicate` (another outcome stands), `unsent` (the action was
-- not sent yet) or `unknown`. Actions of a tenant that is being deleted are unknown.
--
-- Runs with the rights of its caller, whose tenant context shows the actions: whoever reports without one goes through
-- record_outcome_by_url or record_outcome_of_own_integration. Locks are taken in the order of docs/architecture.md.
CREATE OR REPLACE FUNCTION record_outcomes(outcomes jsonb, reporter text)
    RETURNS TABLE (tenant_id uuid, action_id text, verdict text, outcome_status text)
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    #variable_conflict use_column
    DECLARE
        verdicts jsonb;
        tenant uuid;
        reports jsonb;
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(hashtextextended('retivo.erase:' || t.tenant_id::text, 0))
           FROM (SELECT DISTINCT o.tenant_id FROM jsonb_to_recordset(outcomes) AS o (tenant_id uuid) ORDER BY 1) t;

        WITH given AS MATERIALIZED (
            SELECT o.* FROM jsonb_to_recordset(outcomes) AS o (tenant_id uuid, action_id text, status text, result jsonb)
        ), found AS MATERIALIZED (
            SELECT a.tenant_id, a.id, a.attempts, a.outcome_status
              FROM given g
              JOIN public.delivery_action a ON a.tenant_id = g.tenant_id AND a.id = g.action_id
              JOIN public.tenants_tenant t ON t.id = a.tenant_id AND t.plan_status <> 'deleting'
             ORDER BY a.tenant_id, a.id FOR NO KEY UPDATE OF a
        ), recorded AS (
            UPDATE public.delivery_action a
               SET status = 'completed', outcome_status = g.status, outcome_result = g.result, outcome_at = now(),
                   outcome_by = reporter, failure_reason = ''
              FROM found f JOIN given g ON g.tenant_id = f.tenant_id AND g.action_id = f.id
             WHERE a.tenant_id = f.tenant_id AND a.id = f.id AND f.outcome_status IS NULL AND f.attempts > 0
            RETURNING a.tenant_id, a.id, a.outcome_status, a.decision_id
        )
        SELECT jsonb_agg(jsonb_build_object(
                   'tenant_id', g.tenant_id,
                   'action_id', g.action_id,
                   'verdict', CASE WHEN r.id IS NOT NULL THEN 'recorded' WHEN f.id IS NULL THEN 'unknown'
                                   WHEN f.outcome_status IS NOT NULL THEN 'duplicate' ELSE 'unsent' END,
                   'outcome_status', coalesce(r.outcome_status, f.outcome_status),
                   'decision_id', r.decision_id
               ))
          INTO verdicts
          FROM given g
          LEFT JOIN found f ON f.tenant_id = g.tenant_id AND f.id = g.action_id
          LEFT JOIN recorded r ON r.tenant_id = g.tenant_id AND r.id = g.action_id;

        FOR tenant, reports IN
            SELECT v.tenant_id, jsonb_agg(jsonb_build_object(
                       'decision_id', v.decision_id, 'outcome', public.worth_of_outcome(v.outcome_status)
                   ))
              FROM jsonb_to_recordset(verdicts) AS v (tenant_id uuid, outcome_status text, decision_id text)
             WHERE v.decision_id IS NOT NULL
             GROUP BY v.tenant_id ORDER BY v.tenant_id
        LOOP
            PERFORM public.report_decisions(tenant, reports);
        END LOOP;

        RETURN QUERY
            SELECT v.* FROM jsonb_to_recordset(verdicts) AS v
                (tenant_id uuid, action_id text, verdict text, outcome_status text);
    END
    $$;

REVOKE ALL ON FUNCTION record_outcomes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record_outcomes TO app_web;
