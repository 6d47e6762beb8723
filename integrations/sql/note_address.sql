-- Has the addresses of a partner's integrations known as endpoints, those of each revision: all of a statement at once.
-- Runs with its owner's rights, because whoever registers an integration makes no endpoints.
CREATE OR REPLACE FUNCTION note_address() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        PERFORM public.register_endpoints(n.tenant_id, array_agg(n.delivery_webhook))
        FROM noted n GROUP BY n.tenant_id ORDER BY n.tenant_id;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION note_address FROM PUBLIC;

CREATE OR REPLACE TRIGGER note_address AFTER INSERT ON integrations_revisiontemplate
    REFERENCING NEW TABLE AS noted FOR EACH STATEMENT EXECUTE FUNCTION note_address();

CREATE OR REPLACE TRIGGER note_corrected_address AFTER UPDATE ON integrations_revisiontemplate
    REFERENCING NEW TABLE AS noted FOR EACH STATEMENT EXECUTE FUNCTION note_address();
