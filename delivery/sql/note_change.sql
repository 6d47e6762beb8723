-- Notes that an action ended or that its outcome was reported, so that periodic work finds the tenants it has something to
-- do for. Runs with its owner's rights, because actions are also expired without a tenant's context.
CREATE OR REPLACE FUNCTION note_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        INSERT INTO public.delivery_actionchange (tenant_id, action_id, due_at, delivered, outcome)
        VALUES (
            NEW.tenant_id, NEW.id, now(),
            -- Who reports an outcome has got the action, whatever became of the answer to it.
            NEW.status IN ('delivered', 'completed') AND OLD.status NOT IN ('delivered', 'completed'),
            NEW.outcome_status IS NOT NULL AND OLD.outcome_status IS NULL
        );
        IF NEW.status = 'failed' AND NEW.expires_at > now() THEN
            INSERT INTO public.delivery_actionchange (tenant_id, action_id, due_at)
            VALUES (NEW.tenant_id, NEW.id, NEW.expires_at);
        END IF;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION note_change FROM PUBLIC;

CREATE OR REPLACE TRIGGER note_change AFTER UPDATE OF status, outcome_status ON delivery_action FOR EACH ROW
    WHEN (
        NEW.status <> 'pending' AND NEW.status <> 'dispatched'
        AND (NEW.status, NEW.outcome_status) IS DISTINCT FROM (OLD.status, OLD.outcome_status)
    )
    EXECUTE FUNCTION note_change();
