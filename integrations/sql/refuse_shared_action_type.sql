-- Stops a customer from changing an action type that its partner shares, except for switching it on and off, and the
-- partner from switching it: a roll-out changes the rest, and leaves the customer's `active` as it is.
--
-- The runtime role may update the columns that a tenant can change in its own action types. Grants work by column and
-- cannot distinguish rows, so a trigger protects the shared ones.
CREATE OR REPLACE FUNCTION refuse_shared_action_type() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF NEW.partner_id = public.current_tenant() THEN
            RAISE EXCEPTION 'permission denied: whether a shared action type is active is its tenant''s to change'
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        RAISE EXCEPTION 'permission denied: a tenant changes of a shared action type only whether it is active'
            USING ERRCODE = 'insufficient_privilege';
    END
    $$;

REVOKE ALL ON FUNCTION refuse_shared_action_type FROM PUBLIC;

CREATE OR REPLACE TRIGGER shared_as_registered BEFORE UPDATE ON integrations_actiontype FOR EACH ROW
    WHEN (
        OLD.integration_id IS NOT NULL
        AND (
            NEW.partner_id = public.current_tenant()
            AND OLD.active IS DISTINCT FROM NEW.active
            OR NEW.tenant_id = public.current_tenant()
            AND (
                OLD.domain, OLD.description, OLD.parameters_schema, OLD.delivery_webhook, OLD.estimated_cost_usd,
                OLD.encrypted_webhook_secret, OLD.encrypted_previous_secret, OLD.previous_secret_until, OLD.revision
            ) IS DISTINCT FROM (
                NEW.domain, NEW.description, NEW.parameters_schema, NEW.delivery_webhook, NEW.estimated_cost_usd,
                NEW.encrypted_webhook_secret, NEW.encrypted_previous_secret, NEW.previous_secret_until, NEW.revision
            )
        )
    )
    EXECUTE FUNCTION refuse_shared_action_type();
