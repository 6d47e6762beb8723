-- Stops a change of a tenant's config that leaves the bounds of the partner or staff, or touches what a layer above the
-- writer's has locked. Lowering a bound moves the config within it (apply_controls).
CREATE OR REPLACE FUNCTION hold_to_controls() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        said record;
    BEGIN
        SELECT min(c.action_budget_usd_max) AS largest_budget, max(c.holdout_percent_min) AS smallest_holdout,
            bool_or(c.action_budget_usd_locked AND l.is_above) AS budget_locked,
            bool_or(c.holdout_percent_locked AND l.is_above) AS holdout_locked
        INTO said
        FROM public.tenants_control c
        CROSS JOIN LATERAL (
            SELECT CASE public.current_tenant() WHEN NEW.id THEN true WHEN NEW.parent_id THEN c.layer = 'staff' ELSE false END
        ) AS l (is_above)
        WHERE c.tenant_id = NEW.id;
        IF said.budget_locked AND OLD.config -> 'action_budget_usd' IS DISTINCT FROM NEW.config -> 'action_budget_usd'
            OR said.holdout_locked AND OLD.config -> 'holdout_percent' IS DISTINCT FROM NEW.config -> 'holdout_percent'
            OR public.within_bounds(NEW.config, said.largest_budget, said.smallest_holdout) <> NEW.config
        THEN
            RAISE EXCEPTION 'permission denied: the config leaves what the partner or staff allow'
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NEW;
    END
    $$;

REVOKE ALL ON FUNCTION hold_to_controls FROM PUBLIC;

-- A trigger's own change, which moves the config within its bounds, is not asked about.
CREATE OR REPLACE TRIGGER within_controls BEFORE UPDATE ON tenants_tenant FOR EACH ROW
    WHEN (
        pg_trigger_depth() = 0
        AND (OLD.config -> 'action_budget_usd', OLD.config -> 'holdout_percent')
            IS DISTINCT FROM (NEW.config -> 'action_budget_usd', NEW.config -> 'holdout_percent')
    )
    EXECUTE FUNCTION hold_to_controls();
