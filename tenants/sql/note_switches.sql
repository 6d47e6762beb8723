-- Enters a change of a tenant's switches or plan's status in the controls, in the layer of whoever makes it: the tenant
-- itself, its partner, or staff. So the release before, which writes the tenant's row, and this one go on side by side.
--
-- Staff of the release before knew one layer: what they switch off or lift is off in all.
CREATE OR REPLACE FUNCTION note_switches() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        actor CONSTANT text := CASE public.current_tenant()
            WHEN NEW.id THEN 'self' WHEN NEW.parent_id THEN 'partner' ELSE 'staff' END;
        begins CONSTANT boolean := NEW.plan_status = 'suspended'
            AND (OLD.plan_status <> 'suspended' OR NEW.suspended_by_staff > OLD.suspended_by_staff);
        ends CONSTANT boolean := NEW.plan_status <> 'suspended' AND OLD.plan_status = 'suspended';
    BEGIN
        INSERT INTO public.tenants_control (tenant_id, layer) VALUES (NEW.id, actor) ON CONFLICT DO NOTHING;
        UPDATE public.tenants_control c SET
            kill_switch_since = CASE WHEN NEW.kill_switch_active > OLD.kill_switch_active
                THEN coalesce(c.kill_switch_since, now()) ELSE c.kill_switch_since END,
            shadow_mode_since = CASE WHEN NEW.shadow_mode > OLD.shadow_mode
                THEN coalesce(c.shadow_mode_since, now()) ELSE c.shadow_mode_since END,
            suspended_since = CASE WHEN begins THEN coalesce(c.suspended_since, now()) ELSE c.suspended_since END,
            suspension_mode = CASE WHEN begins THEN 'full' ELSE c.suspension_mode END,
            cascade_days = CASE WHEN begins AND actor = 'staff' THEN 14 ELSE c.cascade_days END
        WHERE c.tenant_id = NEW.id AND c.layer = actor;
        UPDATE public.tenants_control c SET
            kill_switch_since = CASE WHEN NEW.kill_switch_active >= OLD.kill_switch_active THEN c.kill_switch_since END,
            shadow_mode_since = CASE WHEN NEW.shadow_mode >= OLD.shadow_mode THEN c.shadow_mode_since END,
            suspended_since = CASE WHEN NOT ends THEN c.suspended_since END,
            suspension_mode = CASE WHEN NOT ends THEN c.suspension_mode END,
            cascade_days = CASE WHEN NOT ends THEN c.cascade_days END
        WHERE c.tenant_id = NEW.id AND (c.layer = actor OR actor = 'staff');
        SELECT bool_or(c.kill_switch_since IS NOT NULL), bool_or(c.shadow_mode_since IS NOT NULL)
        INTO NEW.kill_switch_active, NEW.shadow_mode FROM public.tenants_control c WHERE c.tenant_id = NEW.id;
        RETURN NEW;
    END
    $$;

REVOKE ALL ON FUNCTION note_switches FROM PUBLIC;

-- Not when apply_controls copies what the controls say, nor when a deletion is scheduled or undone, which says nothing of them. After own_plan, by its name.
CREATE OR REPLACE TRIGGER switches BEFORE UPDATE ON tenants_tenant FOR EACH ROW
    WHEN (
        pg_trigger_depth() = 0
        AND 'deleting' NOT IN (OLD.plan_status, NEW.plan_status)
        AND (OLD.plan_status, OLD.suspended_by_staff, OLD.kill_switch_active, OLD.shadow_mode)
            IS DISTINCT FROM (NEW.plan_status, NEW.suspended_by_staff, NEW.kill_switch_active, NEW.shadow_mode)
    )
    EXECUTE FUNCTION note_switches();
