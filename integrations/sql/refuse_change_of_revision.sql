-- Keeps a revision as it was published. Only where its actions are sent is corrected, by whoever may.
CREATE OR REPLACE FUNCTION refuse_change_of_revision() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        RAISE EXCEPTION 'permission denied: a revision stays as it was published'
            USING ERRCODE = 'insufficient_privilege';
    END
    $$;

REVOKE ALL ON FUNCTION refuse_change_of_revision FROM PUBLIC;

CREATE OR REPLACE TRIGGER revision_stays BEFORE UPDATE ON integrations_revision FOR EACH ROW
    EXECUTE FUNCTION refuse_change_of_revision();

CREATE OR REPLACE TRIGGER revision_stays BEFORE UPDATE ON integrations_revisiontemplate FOR EACH ROW
    WHEN (
        (
            OLD.integration_id, OLD.tenant_id, OLD.revision, OLD.name, OLD.template_id, OLD.position, OLD.description,
            OLD.parameters_schema, OLD.estimated_cost_usd
        ) IS DISTINCT FROM (
            NEW.integration_id, NEW.tenant_id, NEW.revision, NEW.name, NEW.template_id, NEW.position, NEW.description,
            NEW.parameters_schema, NEW.estimated_cost_usd
        )
    )
    EXECUTE FUNCTION refuse_change_of_revision();
