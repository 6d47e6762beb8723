-- Revokes an API key that was found in a public place, whichever tenant's it is, and enters that in the audit trail.
--
-- Runs with its owner's rights, because whoever reports a key has no tenant. It answers nothing, and does as good as the
-- same whether or not there is such a key: one look-up, and one commit that waits for the disk.
CREATE OR REPLACE FUNCTION revoke_leaked_key(key_digest bytea, reported_from inet) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        WITH revoked AS (
            UPDATE public.tenants_apikey SET revoked_at = greatest(now(), created_at), revoked_reason = 'leaked'
            WHERE digest = key_digest AND revoked_at IS NULL
            RETURNING id, tenant_id, jsonb_build_object('key_id', id, 'prefix', prefix) AS data
        ), entry AS (
            INSERT INTO public.tenants_auditentry (actor, action, tenant_id, target_type, target_id, address, detail)
            SELECT 'anonymous', 'api_key.leaked', tenant_id, 'api_key', id, reported_from, data FROM revoked
        )
        INSERT INTO public.tenants_partnerevent (tenant_id, type, version, customer_id, external_id, actor, data)
        SELECT coalesce(t.parent_id, t.id), 'api_key.leaked', 1, CASE WHEN t.parent_id IS NOT NULL THEN t.id END,
            t.external_id, 'anonymous', r.data
        FROM revoked r JOIN public.tenants_tenant t ON t.id = r.tenant_id WHERE t.tenant_role <> 'standalone';
        -- A transaction that wrote nothing does not wait for the disk, which could be told from one that did.
        PERFORM pg_logical_emit_message(true, 'revoke_leaked_key', '');
    END
    $$;

REVOKE ALL ON FUNCTION revoke_leaked_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION revoke_leaked_key TO app_web;
