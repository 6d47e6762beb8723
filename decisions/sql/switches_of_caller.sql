-- Returns whether the tenant in context may send nothing, and whether that is its partner's kill switch. For the release
-- before: this one asks controls_of_caller.
CREATE OR REPLACE FUNCTION switches_of_caller(OUT own boolean, OUT partners boolean)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT f.because && '{kill_switch,staff_kill_switch,tenant_suspended,partner_suspended,suspended_by_staff}',
            f.because @> '{partner_kill_switch}'
        FROM public.controls_of_caller() f
    $$;

REVOKE ALL ON FUNCTION switches_of_caller FROM PUBLIC;
GRANT EXECUTE ON FUNCTION switches_of_caller TO app_web;
