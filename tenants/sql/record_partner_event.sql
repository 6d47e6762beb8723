-- Records an event of a partner's for functions that run with their owner's rights, because their callers may write none.
-- Nobody else may call it: `tenants.outbox` records what people and keys do.
CREATE OR REPLACE FUNCTION record_partner_event(partner uuid, event_type text, event_data jsonb) RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
    AS $$
        INSERT INTO public.tenants_partnerevent (tenant_id, type, version, external_id, actor, data)
        SELECT p.id, event_type, 1, p.external_id, 'system', event_data
        FROM public.tenants_tenant p WHERE p.id = partner AND p.tenant_role = 'partner'
    $$;

REVOKE ALL ON FUNCTION record_partner_event FROM PUBLIC;
