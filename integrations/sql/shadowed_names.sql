-- Which action types of a revision a customer of the partner in context has by the same provider and name as its own, so
-- that the revision's would be left out: up to `most`, by customer and name.
--
-- Runs with its owner's rights, because a partner sees no action type of a customer's own. It tells names that the partner
-- gave itself, of customers that have its integration.
CREATE OR REPLACE FUNCTION shadowed_names(integration uuid, revision int, customers uuid[], most int)
    RETURNS TABLE (tenant_id uuid, name text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT a.tenant_id, a.name
          FROM public.integrations_partnerintegration i
          JOIN public.integrations_integrationshare s ON s.integration_id = i.id AND s.ended_at IS NULL
          JOIN public.integrations_revisiontemplate m
            ON m.integration_id = i.id AND m.revision = shadowed_names.revision
          JOIN public.integrations_actiontype a
            ON a.tenant_id = s.tenant_id AND a.provider = i.provider AND a.name = m.name AND a.integration_id IS NULL
         WHERE i.id = shadowed_names.integration AND i.tenant_id = public.current_tenant()
           AND (customers IS NULL OR s.tenant_id = ANY(customers))
         ORDER BY a.tenant_id, a.name
         LIMIT most
    $$;

REVOKE ALL ON FUNCTION shadowed_names FROM PUBLIC;
GRANT EXECUTE ON FUNCTION shadowed_names TO app_web;
