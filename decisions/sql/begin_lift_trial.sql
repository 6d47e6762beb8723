-- Begins a tenant's trial of whether actions help, with nobody counted: its conversion was set or changed, or the share
-- that is held out. Rates of before and after cannot be added up. Whoever changes the config, the trial begins in their
-- transaction. Runs with its owner's rights, because partners and triggers change configs, too.
CREATE OR REPLACE FUNCTION begin_lift_trial() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        INSERT INTO public.decisions_lifttrial
            (tenant_id, started_at, treated, treated_converted, held_out, held_out_converted)
        VALUES (NEW.id, clock_timestamp(), 0, 0, 0, 0)
        ON CONFLICT (tenant_id) DO UPDATE SET started_at = excluded.started_at,
            treated = 0, treated_converted = 0, held_out = 0, held_out_converted = 0;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION begin_lift_trial FROM PUBLIC;

CREATE OR REPLACE TRIGGER lift_trial_of_new AFTER INSERT ON tenants_tenant FOR EACH ROW
    WHEN (NEW.config -> 'conversion' IS NOT NULL)
    EXECUTE FUNCTION begin_lift_trial();

-- A value that does not fit counts as it stands: that restarts a trial once too often, and never too seldom.
CREATE OR REPLACE TRIGGER lift_trial_of_changed AFTER UPDATE ON tenants_tenant FOR EACH ROW
    WHEN (
        NEW.config -> 'conversion' IS NOT NULL
        AND (
            OLD.config #> '{conversion,event}', OLD.config #> '{conversion,within_days}', OLD.config -> 'holdout_percent'
        ) IS DISTINCT FROM (
            NEW.config #> '{conversion,event}', NEW.config #> '{conversion,within_days}', NEW.config -> 'holdout_percent'
        )
    )
    EXECUTE FUNCTION begin_lift_trial();
