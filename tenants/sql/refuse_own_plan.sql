-- Stops a tenant from changing its own plan, which only its partner and staff may change.
--
-- Row-level security lets a tenant update itself and a partner update its customers, and both use the same runtime
-- role. Only a trigger, which compares old and new values, can distinguish a partner that sets a customer's limit from
-- a tenant that raises its own.
CREATE OR REPLACE FUNCTION refuse_own_plan() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        RAISE EXCEPTION 'permission denied: a tenant does not change its own plan'
            USING ERRCODE = 'insufficient_privilege';
    END
    $$;

REVOKE ALL ON FUNCTION refuse_own_plan FROM PUBLIC;

-- What the partner set of a customer's config is kept as its word, whatever the customer makes of it.
-- Three keys of a customer's config are its partner's to set, too (`tenants.config.SET_BY_PARTNER`). `overage` is one of
-- them because the limit does not hold where it allows more.
CREATE OR REPLACE TRIGGER own_plan BEFORE UPDATE ON tenants_tenant FOR EACH ROW
    WHEN (
        NEW.id = public.current_tenant()
        AND (
            (OLD.plan_tier, OLD.plan_status, OLD.tracked_user_limit, OLD.rate_limit, OLD.config_by_partner)
                IS DISTINCT FROM
                (NEW.plan_tier, NEW.plan_status, NEW.tracked_user_limit, NEW.rate_limit, NEW.config_by_partner)
            OR OLD.tenant_role = 'customer'
                AND (OLD.config -> 'overage', OLD.config -> 'retention_days', OLD.config -> 'learning_by_partner')
                    IS DISTINCT FROM
                    (NEW.config -> 'overage', NEW.config -> 'retention_days', NEW.config -> 'learning_by_partner')
        )
    )
    EXECUTE FUNCTION refuse_own_plan();
