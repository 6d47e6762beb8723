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
            SELECT a.integration_id, a.tenant_id, 1, a.name, a.id, a.position, a.description, a.parameters_schema,
                   a.delivery_webhook, a.estimated_cost_usd
            FROM added a WHERE a.since_revision = 1;
        END IF;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION first_revision FROM PUBLIC;

CREATE OR REPLACE TRIGGER first_revision AFTER INSERT ON integrations_partnerintegration FOR EACH ROW
    EXECUTE FUNCTION first_revision();

CREATE OR REPLACE TRIGGER first_revision AFTER INSERT ON integrations_actiontypetemplate
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION first_revision();
