-- Tells the partner of a key's first use, in the transaction that notes the use.
--
-- Runs with its owner's rights: who notes the use, authenticate_api_key, writes no events.
CREATE OR REPLACE FUNCTION announce_first_use() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        INSERT INTO public.tenants_partnerevent (tenant_id, type, version, customer_id, external_id, actor, data)
        SELECT coalesce(t.parent_id, t.id), 'api_key.used_first', 1, CASE WHEN t.parent_id IS NOT NULL THEN t.id END,
            t.external_id, 'system', jsonb_build_object('key_id', NEW.id, 'prefix', NEW.prefix)
        FROM public.tenants_tenant t WHERE t.id = NEW.tenant_id AND t.tenant_role <> 'standalone';
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION announce_first_use FROM PUBLIC;

CREATE OR REPLACE TRIGGER first_use AFTER UPDATE OF last_used_at ON tenants_apikey FOR EACH ROW
    WHEN (OLD.last_used_at IS NULL AND NEW.last_used_at IS NOT NULL)
    EXECUTE FUNCTION announce_first_use();
