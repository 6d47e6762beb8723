-- The hash of an audit entry with its place in the chain: SHA-256 of its columns as JSON.
--
-- Columns that are null are left out, so that a column that is added later changes the hash of no earlier entry.
CREATE OR REPLACE FUNCTION audit_hash(entry tenants_auditentry) RETURNS bytea
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    SET timezone = 'UTC'
    SET bytea_output = 'hex'
    AS $$
        SELECT sha256(convert_to(jsonb_object_agg(c.key, c.value)::text, 'UTF8'))
        FROM jsonb_each(to_jsonb(entry)) c WHERE jsonb_typeof(c.value) <> 'null'
    $$;

REVOKE ALL ON FUNCTION audit_hash FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_hash TO app_staff;
