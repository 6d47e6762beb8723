-- When an endpoint was last certified for an integration with the secret that the integration has now, and for a revision
-- of it or a later one; null if it was not. Sees what the caller sees.
CREATE OR REPLACE FUNCTION certified_at(owner uuid, endpoint uuid, integration uuid, revision int) RETURNS timestamptz
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    AS $$
    SELECT max(c.finished_at) FROM public.delivery_certification c
     WHERE c.tenant_id = owner AND c.endpoint_id = endpoint AND c.integration_id = integration AND c.status = 'passed'
       AND c.revision >= certified_at.revision
       AND c.secret_version = (
           SELECT max(v.version) FROM public.integrations_secretversion v WHERE v.integration_id = integration
       )
    $$;

REVOKE ALL ON FUNCTION certified_at FROM PUBLIC;
GRANT EXECUTE ON FUNCTION certified_at TO app_web, app_staff;
