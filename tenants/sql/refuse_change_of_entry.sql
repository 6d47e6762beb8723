-- Nobody but the owner of the table changes or deletes audit entries, whatever rights a role has: chain_entry and what
-- takes out a deleted tenant's details run with the owner's rights.
CREATE OR REPLACE FUNCTION refuse_change_of_entry() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF current_user <> (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = TG_RELID) THEN
            RAISE EXCEPTION '% of % is refused: the audit trail only grows', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION refuse_change_of_entry FROM PUBLIC;

CREATE OR REPLACE TRIGGER entries_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON tenants_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_entry();

CREATE OR REPLACE TRIGGER checkpoints_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON tenants_auditcheckpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_entry();
