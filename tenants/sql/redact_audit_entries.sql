-- Takes out of the audit trail what was told of a tenant that is gone: details, which may hold names and labels, and
-- addresses. Who did what and when stays, and so does each entry's hash, which the next one in the chain carries. The salt
-- goes, too, which is in that hash and in the content's: what was redacted cannot be found by trial.
--
-- An entry from before there was a chain of all has no place in it, and gets none.
CREATE OR REPLACE FUNCTION redact_audit_entries(tenant uuid) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH redacted AS (
            UPDATE public.tenants_auditentry e
               SET redacted_hash = CASE WHEN e.position IS NOT NULL THEN public.audit_hash(e) END,
                   detail = '{}', address = NULL, content_salt = NULL
             WHERE e.tenant_id = redact_audit_entries.tenant AND e.action NOT IN ('tenant.deleted', 'customer.deleted')
               AND (e.detail, e.address) IS DISTINCT FROM ('{}'::jsonb, NULL::inet)
               AND NOT EXISTS (SELECT FROM public.tenants_tenant t WHERE t.id = redact_audit_entries.tenant)
            RETURNING 1
        )
        SELECT count(*) FROM redacted
    $$;

REVOKE ALL ON FUNCTION redact_audit_entries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redact_audit_entries TO app_staff;
