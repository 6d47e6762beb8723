-- Returns controls_in_force of the tenant in context. Runs with its owner's rights, because a customer cannot read what is
-- said of its partner.
CREATE OR REPLACE FUNCTION controls_of_caller(
    OUT sending text, OUT ingesting text, OUT because text[], OUT since timestamptz, OUT said_by text, OUT reason text
)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        tenant CONSTANT uuid := public.current_tenant();
    BEGIN
        SELECT f.* INTO sending, ingesting, because, since, said_by, reason
        FROM public.tenants_tenant t
        CROSS JOIN LATERAL public.controls_in_force(t.id, t.parent_id, t.delete_at IS NOT NULL) f
        WHERE t.id = tenant;
    END
    $$;

REVOKE ALL ON FUNCTION controls_of_caller FROM PUBLIC;
GRANT EXECUTE ON FUNCTION controls_of_caller TO app_web;
