-- Returns the consent to learning of the tenant in context, with its partner's settings taken into account. Runs with
-- its owner's rights because a customer cannot read its partner's row.
CREATE OR REPLACE FUNCTION learning_consent() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT public.stricter_consent(t.config, p.config)
        FROM public.tenants_tenant t LEFT JOIN public.tenants_tenant p ON p.id = t.parent_id
        WHERE t.id = (SELECT public.current_tenant())
    $$;

REVOKE ALL ON FUNCTION learning_consent FROM PUBLIC;
GRANT EXECUTE ON FUNCTION learning_consent TO app_web, app_staff;
