-- Keeps a revision as it was published, as long as its partner. Only where its actions are sent is corrected, by whoever
-- may. Versions of secrets are kept, too: certificates name them.
CREATE OR REPLACE TRIGGER revision_stays BEFORE UPDATE OR DELETE ON integrations_revision FOR EACH ROW
    EXECUTE FUNCTION refuse_change('a revision stays as it was published');

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
    EXECUTE FUNCTION refuse_change('a revision stays as it was published');

CREATE OR REPLACE TRIGGER revision_kept BEFORE DELETE ON integrations_revisiontemplate FOR EACH ROW
    EXECUTE FUNCTION refuse_change('a revision stays as it was published');

CREATE OR REPLACE TRIGGER version_kept BEFORE DELETE ON integrations_secretversion FOR EACH ROW
    EXECUTE FUNCTION refuse_change('versions of secrets are kept');
