-- Records outcomes that a partner, which is the tenant in context, reports of actions of its customers: of those whose
-- action type belongs to one of its integrations. `outcomes` is an array of `{"action_id", "status", "result"?}`, with
-- one entry an action.
--
-- Runs with its owner's rights, because a partner sees no action of its customers. It returns `recorded`, `duplicate` or
-- `unknown` for each and nothing else: an action of another's, one that does not exist and one that was never sent are
-- the same.
CREATE OR REPLACE FUNCTION record_outcome_of_own_integration(partner uuid, outcomes jsonb)
    RETURNS TABLE (action_id text, verdict text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    #variable_conflict use_column
    DECLARE
        own jsonb;
    BEGIN
        IF partner IS DISTINCT FROM public.current_tenant() THEN
            RAISE EXCEPTION 'permission denied: a partner reports outcomes in its own context'
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        -- By the index `action_sent`.
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'tenant_id', a.tenant_id, 'action_id', a.id, 'status', o.status, 'result', o.result
               )), '[]')
          INTO own
          FROM jsonb_to_recordset(outcomes) AS o (action_id text, status text, result jsonb)
          JOIN public.delivery_action a ON a.id = o.action_id AND a.attempts > 0
          JOIN public.integrations_actiontype t ON t.tenant_id = a.tenant_id AND t.id = a.action_type_id
         WHERE t.partner_id = partner;
        RETURN QUERY
            SELECT o.action_id, CASE WHEN r.verdict IN ('recorded', 'duplicate') THEN r.verdict ELSE 'unknown' END
              FROM jsonb_to_recordset(outcomes) AS o (action_id text)
              LEFT JOIN public.record_outcomes(own, 'partner') AS r ON r.action_id = o.action_id;
    END
    $$;

REVOKE ALL ON FUNCTION record_outcome_of_own_integration FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record_outcome_of_own_integration TO app_web;
