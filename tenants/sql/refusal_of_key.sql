-- Returns why the key with this digest is refused where its tenant is suspended or being deleted: whose suspension it
-- is, since when and for what reason.
GRANT CREATE ON SCHEMA public TO app_auth;
SET LOCAL ROLE app_auth;

CREATE OR REPLACE FUNCTION refusal_of_key(key_digest bytea, OUT because text, OUT since timestamptz, OUT reason text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        SELECT f.because[1], f.since, f.reason INTO because, since, reason
        FROM public.tenants_apikey k JOIN public.tenants_tenant t ON t.id = k.tenant_id
        CROSS JOIN LATERAL public.controls_in_force(t.id, t.parent_id, t.delete_at IS NOT NULL) f
        WHERE k.digest = key_digest AND f.ingesting = 'off';
    END
    $$;

REVOKE ALL ON FUNCTION refusal_of_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refusal_of_key TO app_web;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM app_auth;
