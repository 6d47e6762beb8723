-- The tenant in context, which every policy asks for; null without a context.
--
-- The context is the setting `retivo.tenant_id` of the transaction. Any session can set it, so it counts in two cases
-- only: it carries the seal that authenticate_api_key added to it, or the session belongs to a worker, which does the
-- work of every tenant and sets the id alone. Anything else is refused.
GRANT CREATE ON SCHEMA public TO app_auth;
SET LOCAL ROLE app_auth;

CREATE OR REPLACE FUNCTION current_tenant() RETURNS uuid
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        context CONSTANT text := current_setting('retivo.tenant_id', true);
        tenant uuid;
    BEGIN
        -- Once set, a transaction-local setting reads as '' afterwards, not as NULL.
        IF context IS NULL OR context = '' THEN
            RETURN NULL;
        END IF;
        tenant := left(context, 36)::uuid;
        IF (CASE length(context)
            WHEN 36 THEN NOT pg_has_role(session_user, 'app_worker', 'MEMBER')
            ELSE substr(context, 37) <> public.context_seal(tenant)
        END) THEN
            RAISE EXCEPTION 'permission denied: only authenticate_api_key sets the tenant context of %', session_user
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN tenant;
    END
    $$;

REVOKE ALL ON FUNCTION current_tenant FROM PUBLIC;
-- The triggers on changes by tenants ask for it, whoever makes the change: staff and the tables' owner, too.
GRANT EXECUTE ON FUNCTION current_tenant TO app_web, app_staff, SESSION_USER;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM app_auth;
