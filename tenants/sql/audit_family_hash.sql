-- The hash of an audit entry in the chain of its family: SHA-256 of the hash of the one before in hex, and of what tenants
-- are shown of it as JSON. docs/retivo_verify.py makes the same of an export.
--
-- Of what goes when a tenant is deleted, only the hash is in it.
CREATE OR REPLACE FUNCTION audit_family_hash(entry tenants_auditentry) RETURNS bytea
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT sha256(convert_to(encode(entry.family_previous_hash, 'hex') || jsonb_build_object(
            'id', coalesce(entry.public_id, 'aud_' || entry.id),
            'seq', entry.family_seq,
            'created_at', to_char(entry.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'actor', entry.shown_actor,
            'action', entry.action,
            'target_type', entry.target_type,
            'target_id', entry.target_id,
            'customer', nullif(entry.tenant_id, entry.family_id),
            'request_id', entry.request_id,
            'content_sha256', encode(entry.content_hash, 'hex')
        )::text, 'UTF8'))
    $$;

REVOKE ALL ON FUNCTION audit_family_hash FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_family_hash TO app_staff;
