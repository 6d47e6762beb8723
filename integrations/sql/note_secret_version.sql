-- Counts the webhook secrets of an integration: one with the integration, and one with each rotation, which sets until when
-- the secret before signs too. A secret that is encrypted anew stays the same. Runs with its owner's rights, so nobody
-- else writes versions.
CREATE OR REPLACE FUNCTION note_secret_version() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        INSERT INTO public.integrations_secretversion (integration_id, tenant_id, version)
        SELECT NEW.id, NEW.tenant_id, coalesce(max(v.version), 0) + 1
          FROM public.integrations_secretversion v WHERE v.integration_id = NEW.id;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION note_secret_version FROM PUBLIC;

CREATE OR REPLACE TRIGGER first_secret AFTER INSERT ON integrations_partnerintegration FOR EACH ROW
    EXECUTE FUNCTION note_secret_version();

CREATE OR REPLACE TRIGGER next_secret AFTER UPDATE OF encrypted_webhook_secret ON integrations_partnerintegration
    FOR EACH ROW
    WHEN (NEW.previous_secret_until IS NOT NULL AND NEW.previous_secret_until IS DISTINCT FROM OLD.previous_secret_until)
    EXECUTE FUNCTION note_secret_version();
