-- The hash of an audit entry with its place in the chain of all: SHA-256 of its columns as JSON.
--
-- Columns that are null are left out, so that a column that is added later changes the hash of no earlier entry. So is
-- what link_audit_entry made of the others: earlier entries have it, too.
CREATE OR REPLACE FUNCTION audit_hash(entry tenants_auditentry) RETURNS bytea
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET bytea_output = 'hex'
    AS $$
        SELECT sha256(convert_to(jsonb_object_agg(c.key, c.value)::text, 'UTF8'))
        FROM jsonb_each(to_jsonb(entry) - ARRAY[
            'family_id', 'family_seq', 'family_previous_hash', 'family_hash', 'content_hash', 'shown_actor'
        ]) c
        WHERE jsonb_typeof(c.value) <> 'null'
    $$;

REVOKE ALL ON FUNCTION audit_hash FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_hash TO app_staff;
