-- Whether what tenants are shown of an audit entry is what its hashes were made of: the content, as long as it is there,
-- and the entry with its place in the chain of its family. Null for an entry that has no family.
CREATE OR REPLACE FUNCTION is_audit_entry_intact(entry tenants_auditentry) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT CASE WHEN entry.family_hash IS NOT NULL THEN coalesce(
            entry.family_hash = public.audit_family_hash(entry)
                AND (entry.redacted_hash IS NOT NULL OR entry.content_hash = public.audit_content_hash(entry)),
            false
        ) END
    $$;

REVOKE ALL ON FUNCTION is_audit_entry_intact FROM PUBLIC;
GRANT EXECUTE ON FUNCTION is_audit_entry_intact TO app_staff;
