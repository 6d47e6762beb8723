-- Looks up an API key by its digest. If the key is let in, sets the tenant context of the transaction, and notes that the
-- key was used, and from where. An attempt with a key that is refused is no use of it: the log has it, with the key's id.
--
-- `caller` is the address of the client, null where it is not known: a key that may be used from some networks only is
-- refused then.
--
-- This is the only function that reads across tenants before there is a context. It returns data about the given key
-- only. Its owner, app_auth, cannot log in and can read three tables: see the policies `key_lookup` of tenants_tenant,
-- tenants_apikey and tenants_control.
--
-- A suspension that holds lets keys in: events are taken, decisions are logged, and nothing is sent. Of a tenant that is
-- being deleted the verdict is `suspended`, too, which the release before knows; refusal_of_key tells the two apart.

-- app_auth creates the function itself: app_owner can act as app_auth but does not inherit its rights, so it could not
-- replace a function that app_auth owns. To create it, app_auth needs CREATE on the schema, until the end of this file.
GRANT CREATE ON SCHEMA public TO app_auth;
SET LOCAL ROLE app_auth;

CREATE OR REPLACE FUNCTION authenticate_api_key(
    key_digest bytea, caller inet DEFAULT NULL,
    OUT verdict text, OUT key_id uuid, OUT tenant_id uuid, OUT tenant_role text, OUT scopes text[]
)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        credential record;
    BEGIN
        SELECT k.id, k.tenant_id, k.scopes, k.revoked_at, k.expires_at, k.last_used_at, k.allowed_cidrs, t.tenant_role,
               CASE WHEN t.delete_at IS NOT NULL THEN 'off' WHEN EXISTS (
                   SELECT FROM public.tenants_control c WHERE c.tenant_id IN (t.id, t.parent_id) AND public.holds(c)
               ) THEN (SELECT f.ingesting FROM public.controls_in_force(t.id, t.parent_id, false) f) END AS ingesting
          INTO credential
          FROM public.tenants_apikey k JOIN public.tenants_tenant t ON t.id = k.tenant_id
         WHERE k.digest = key_digest;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        verdict := CASE
            WHEN credential.revoked_at IS NOT NULL THEN 'revoked'
            WHEN credential.expires_at <= now() THEN 'expired'
            WHEN credential.allowed_cidrs IS NOT NULL AND (caller <<= ANY (credential.allowed_cidrs)) IS NOT TRUE
                THEN 'address_not_allowed'
            WHEN credential.ingesting = 'off' THEN 'suspended'
            ELSE 'ok'
        END;
        key_id := credential.id;
        IF verdict = 'ok' THEN
            tenant_id := credential.tenant_id;
            tenant_role := credential.tenant_role;
            scopes := credential.scopes;
            PERFORM set_config('retivo.tenant_id', concat(
                credential.tenant_id,
                -- A worker's session needs no seal, and the release before, whose role is a worker, knows of none.
                CASE WHEN NOT pg_has_role(session_user, 'app_worker', 'MEMBER')
                    THEN public.context_seal(credential.tenant_id) END
            ), true);
            -- To the minute, and never waiting for another request of the same key.
            IF credential.last_used_at IS NULL OR credential.last_used_at < now() - interval '1 minute' THEN
                UPDATE public.tenants_apikey
                SET last_used_at = now(),
                    last_used_ip_prefix = network(set_masklen(caller, CASE family(caller) WHEN 4 THEN 24 ELSE 48 END))
                WHERE id = (
                    SELECT id FROM public.tenants_apikey WHERE id = credential.id FOR NO KEY UPDATE SKIP LOCKED
                );
            END IF;
        END IF;
        RETURN NEXT;
    END
    $$;

REVOKE ALL ON FUNCTION authenticate_api_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authenticate_api_key TO app_web;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM app_auth;
