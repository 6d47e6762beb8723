-- Records the outcome of one action for whoever was sent its `outcome_url`. Returns as record_outcomes does.
--
-- Runs with its owner's rights, because the receiver of an action has no tenant. The web checks the URL's token, whose
-- secret the database does not have; whoever calls this without one has to know an action's id, 128 random bits.
CREATE OR REPLACE FUNCTION record_outcome_by_url(
    tenant uuid, action text, status text, result jsonb, OUT verdict text, OUT outcome_status text
)
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT r.verdict, r.outcome_status
      FROM public.record_outcomes(
          jsonb_build_array(
              jsonb_build_object('tenant_id', tenant, 'action_id', action, 'status', status, 'result', result)
          ),
          'outcome_url'
      ) AS r
    $$;

REVOKE ALL ON FUNCTION record_outcome_by_url FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record_outcome_by_url TO app_web;
