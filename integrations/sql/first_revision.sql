-- Makes the first revision of an integration with the integration itself and the action types that it is registered with,
-- whichever release registers them.
CREATE OR REPLACE FUNCTION first_revision() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF TG_TABLE_NAME = 'integrations_partnerintegration' THEN
            INSERT INTO public.integrations_revision (integration_id, tenant_id, number, event_mappings, note, created_at)
            VALUES (NEW.id, NEW.tenant_id, 1, NEW.event_mappings, '', NEW.created_at);
        ELSE
            INSERT INTO public.integrations_revisiontemplate
                (integration_id, tenant_id, revision, name, template_id, position, description, parameters_schema,
                 delivery_webhook, estimated_cost_usd)
            VALUES (NEW.integration_id, NEW.tenant_id, 1, NEW.name, NEW.id, NEW.position, NEW.description,
                    NEW.parameters_schema, NEW.delivery_webhook, NEW.estimated_cost_usd);
        END IF;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION first_revision FROM PUBLIC;

CREATE OR REPLACE TRIGGER first_revision AFTER INSERT ON integrations_partnerintegration FOR EACH ROW
    EXECUTE FUNCTION first_revision();

CREATE OR REPLACE TRIGGER first_revision AFTER INSERT ON integrations_actiontypetemplate FOR EACH ROW
    WHEN (NEW.since_revision = 1)
    EXECUTE FUNCTION first_revision();
