-- SHA-256 of what goes out of an audit entry when its tenant is deleted, as the tenant was shown it. The salt goes with it;
-- earlier entries have none.
CREATE OR REPLACE FUNCTION audit_content_hash(entry tenants_auditentry) RETURNS bytea
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT sha256(convert_to((jsonb_build_object(
            'changes', public.audit_changes(entry.detail)::jsonb,
            'ip', CASE WHEN entry.shown_actor <> 'staff' THEN host(entry.address) END
        ) || CASE WHEN entry.content_salt IS NULL THEN '{}'
            ELSE jsonb_build_object('salt', encode(entry.content_salt, 'hex')) END
        )::text, 'UTF8'))
    $$;

REVOKE ALL ON FUNCTION audit_content_hash FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_content_hash TO app_staff;
