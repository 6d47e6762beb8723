-- Keeps keys to what their tenant and their issuer may have, and a key that ended from becoming valid again.
--
-- * The scopes `partner…` are of partners alone.
-- * In a tenant's context, the tenant's own or its partner's, the issuer is a key of that tenant, which holds each scope
--   that it issues, or the whole of the scope's family; the new key ends no later than its issuer, and is let in from no
--   network that its issuer is not. A tenant's first key has no such issuer: it is provisioned with the tenant. Staff have
--   no context.
-- * A revocation stands, and an expiry only comes nearer.
CREATE OR REPLACE FUNCTION guard_api_key() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        issuer record;
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at
                OR OLD.expires_at IS NOT NULL AND coalesce(NEW.expires_at > OLD.expires_at, true)
            THEN
                RAISE EXCEPTION 'a key that was revoked or expires does not become valid again'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'api_key_ends_once';
            END IF;
            IF (NEW.tenant_id, NEW.scopes) IS NOT DISTINCT FROM (OLD.tenant_id, OLD.scopes) THEN
                RETURN NEW;
            END IF;
        END IF;
        IF EXISTS (SELECT FROM unnest(NEW.scopes) scope WHERE starts_with(scope, 'partner')) AND NOT EXISTS (
            SELECT FROM public.tenants_tenant t WHERE t.id = NEW.tenant_id AND t.tenant_role = 'partner'
        ) THEN
            RAISE EXCEPTION 'only a key of a partner holds scopes of the Partner API'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'api_key_of_partner';
        END IF;
        IF public.current_tenant() IS NULL
            OR NOT EXISTS (SELECT FROM public.tenants_apikey k WHERE k.tenant_id = NEW.tenant_id)
        THEN
            RETURN NEW;
        END IF;
        SELECT k.scopes, k.expires_at, k.allowed_cidrs INTO issuer
          FROM public.tenants_apikey k
         WHERE k.id = substring(NEW.created_by FROM '^api_key:([0-9a-f-]{36})$')::uuid
            AND k.tenant_id = public.current_tenant();
        IF NOT FOUND OR EXISTS (
            SELECT FROM unnest(NEW.scopes) scope
            WHERE scope <> ALL (issuer.scopes)
                AND CASE WHEN starts_with(scope, 'partner') THEN 'partner' ELSE 'full' END <> ALL (issuer.scopes)
        ) THEN
            RAISE EXCEPTION 'a key issues no scope that it does not hold'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'api_key_issuer_holds_scopes';
        END IF;
        IF issuer.expires_at < coalesce(NEW.expires_at, 'infinity') THEN
            RAISE EXCEPTION 'a key issues no key that outlives it'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'api_key_issuer_lives_longer';
        END IF;
        IF issuer.allowed_cidrs IS NOT NULL AND (
            NEW.allowed_cidrs IS NULL
            OR EXISTS (SELECT FROM unnest(NEW.allowed_cidrs) wanted WHERE NOT wanted <<= ANY (issuer.allowed_cidrs))
        ) THEN
            RAISE EXCEPTION 'a key issues no key for networks that it is not let in from'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'api_key_issuer_in_networks';
        END IF;
        RETURN NEW;
    END
    $$;

REVOKE ALL ON FUNCTION guard_api_key FROM PUBLIC;

CREATE OR REPLACE TRIGGER guard_api_key BEFORE INSERT OR UPDATE OF tenant_id, scopes, expires_at, revoked_at
    ON tenants_apikey FOR EACH ROW EXECUTE FUNCTION guard_api_key();
