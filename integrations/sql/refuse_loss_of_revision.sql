-- Keeps revisions, what they say, and the versions of secrets, which certificates name, as long as the partner: only their
-- owner deletes them, and staff those of a partner whose deletion is due.
CREATE OR REPLACE FUNCTION refuse_loss_of_revision() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF current_user = (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = TG_RELID)
            OR NOT EXISTS (
                SELECT FROM public.tenants_tenant t
                WHERE t.id = OLD.tenant_id AND (t.delete_at <= clock_timestamp()) IS NOT TRUE
            )
        THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'permission denied: a revision stays as it was published' USING ERRCODE = 'insufficient_privilege';
    END
    $$;

REVOKE ALL ON FUNCTION refuse_loss_of_revision FROM PUBLIC;

CREATE OR REPLACE TRIGGER revision_kept BEFORE DELETE ON integrations_revision FOR EACH ROW
    EXECUTE FUNCTION refuse_loss_of_revision();

CREATE OR REPLACE TRIGGER revision_kept BEFORE DELETE ON integrations_revisiontemplate FOR EACH ROW
    EXECUTE FUNCTION refuse_loss_of_revision();

CREATE OR REPLACE TRIGGER version_kept BEFORE DELETE ON integrations_secretversion FOR EACH ROW
    EXECUTE FUNCTION refuse_loss_of_revision();
