-- Keeps a tenant's row in step with what is said of the tenant: its plan's status, its switches, and in its config the
-- budget and the holdout within their bounds.
--
-- `plan_status`, `suspended_by_staff`, `kill_switch_active` and `shadow_mode` are copies, by which lists filter and which
-- the release before reads: whether any layer says so of the tenant itself. One
-- that is being deleted stays so. Runs with its owner's rights, because a
-- partner may not write `suspended_by_staff`.
CREATE OR REPLACE FUNCTION apply_controls() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        UPDATE public.tenants_tenant t SET
            plan_status = CASE WHEN t.plan_status = 'deleting' THEN 'deleting' WHEN c.is_suspended THEN 'suspended' ELSE 'active' END,
            suspended_by_staff = c.by_staff,
            kill_switch_active = c.kill_switch,
            shadow_mode = c.shadow_mode,
            config = public.within_bounds(t.config, c.largest_budget, c.smallest_holdout)
        FROM (
            SELECT coalesce(bool_or(suspended_since IS NOT NULL), false) AS is_suspended,
                coalesce(bool_or(suspended_since IS NOT NULL AND layer = 'staff'), false) AS by_staff,
                coalesce(bool_or(kill_switch_since IS NOT NULL), false) AS kill_switch,
                coalesce(bool_or(shadow_mode_since IS NOT NULL), false) AS shadow_mode,
                min(action_budget_usd_max) AS largest_budget, max(holdout_percent_min) AS smallest_holdout
            FROM public.tenants_control WHERE tenant_id = coalesce(NEW.tenant_id, OLD.tenant_id)
        ) c
        WHERE t.id = coalesce(NEW.tenant_id, OLD.tenant_id);
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION apply_controls FROM PUBLIC;

-- Not when note_switches writes what the release before changed: it changes the tenant's row itself.
CREATE OR REPLACE TRIGGER control_changed AFTER INSERT OR UPDATE OR DELETE ON tenants_control FOR EACH ROW
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION apply_controls();
