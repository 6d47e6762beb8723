-- How many actions of a window failed at an endpoint and could be sent again, and of how many customers they are. Looks at
-- the first 100,000 failed actions that have not expired, of all tenants; beyond that, counts are lower bounds.
--
-- Runs with its owner's rights, because a partner sees no action of its customers. Who asks is the owner of the endpoint,
-- in its own context, or staff.
CREATE OR REPLACE FUNCTION recoverable_actions(
    owner uuid, endpoint uuid, since timestamptz, until timestamptz, OUT actions int, OUT customers int
)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF owner IS DISTINCT FROM public.current_tenant() AND current_setting('role') <> 'app_staff' THEN
            RAISE EXCEPTION 'permission denied: a partner asks for its own endpoints'
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        SELECT count(*), count(DISTINCT l.tenant_id) INTO actions, customers
          FROM (
            SELECT a.tenant_id, a.action_type_id, a.revision, a.created_at, a.failure_reason FROM public.delivery_action a
             WHERE a.status = 'failed' AND a.expires_at > now() ORDER BY a.expires_at, a.id LIMIT 100000
          ) l
          JOIN public.integrations_actiontype t ON t.tenant_id = l.tenant_id AND t.id = l.action_type_id
          LEFT JOIN public.integrations_revisiontemplate m
            ON m.integration_id = t.integration_id AND m.revision = coalesce(l.revision, t.revision) AND m.name = t.name
          JOIN public.integrations_integrationshare s
            ON s.tenant_id = l.tenant_id AND s.integration_id = t.integration_id AND s.ended_at IS NULL
         WHERE t.partner_id = owner
           AND md5(owner::text || coalesce(m.delivery_webhook, t.delivery_webhook))::uuid = endpoint
           AND l.failure_reason IN ('attempts_exhausted', 'endpoint_gone', 'internal_error')
           AND l.created_at >= since AND (until IS NULL OR l.created_at < until);
    END
    $$;

REVOKE ALL ON FUNCTION recoverable_actions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recoverable_actions TO app_web, app_staff;
