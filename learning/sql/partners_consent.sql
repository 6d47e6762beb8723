-- Returns the consent to learning that the partner gives for the tenant in context; no partner, NULL. Runs with its
-- owner's rights because a customer cannot read its partner's row.
CREATE OR REPLACE FUNCTION partners_consent() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT public.stricter_consent(jsonb_build_object('learning', t.config->'learning_by_partner'), p.config)
        FROM public.tenants_tenant t JOIN public.tenants_tenant p ON p.id = t.parent_id
        WHERE t.id = (SELECT public.current_tenant())
    $$;

REVOKE ALL ON FUNCTION partners_consent FROM PUBLIC;
GRANT EXECUTE ON FUNCTION partners_consent TO app_web;
