-- Has the addresses of a partner's integrations known as endpoints, those of each revision. Runs with its owner's rights, because whoever
-- registers an integration makes no endpoints.
CREATE OR REPLACE FUNCTION note_address() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        PERFORM public.register_endpoint(NEW.tenant_id, NEW.delivery_webhook);
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION note_address FROM PUBLIC;

CREATE OR REPLACE TRIGGER note_address AFTER INSERT OR UPDATE OF delivery_webhook ON integrations_revisiontemplate
    FOR EACH ROW EXECUTE FUNCTION note_address();
