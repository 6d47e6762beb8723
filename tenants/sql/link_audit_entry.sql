-- An audit entry with its place in the chain of its family: that of a partner and its customers, or of a tenant without a
-- partner. An entry that is about no tenant has none.
--
-- Whoever calls this holds the head of the chain of all, so that nobody else takes the place, and writes what comes back.
CREATE OR REPLACE FUNCTION link_audit_entry(entry tenants_auditentry) RETURNS tenants_auditentry
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF entry.tenant_id IS NULL THEN
            RETURN entry;
        END IF;
        entry.family_id := coalesce(
            (SELECT coalesce(t.parent_id, t.id) FROM public.tenants_tenant t WHERE t.id = entry.tenant_id),
            -- One that is deleted stays in the family that it was in.
            (SELECT e.family_id FROM public.tenants_auditentry e
              WHERE e.tenant_id = entry.tenant_id AND e.family_id IS NOT NULL ORDER BY e.id DESC LIMIT 1),
            entry.tenant_id
        );
        entry.shown_actor := CASE
            WHEN entry.actor ~ '^(api_key|client_token):' THEN entry.actor
            WHEN entry.actor ~ '^(staff|command):' THEN 'staff'
            ELSE 'system'
        END;
        SELECT e.family_seq + 1, e.family_hash INTO entry.family_seq, entry.family_previous_hash
        FROM public.tenants_auditentry e
        WHERE e.family_id = entry.family_id AND e.family_seq IS NOT NULL ORDER BY e.family_seq DESC LIMIT 1;
        IF NOT FOUND THEN
            entry.family_seq := 1;
            entry.family_previous_hash := decode(repeat('00', 32), 'hex');
        END IF;
        entry.content_hash := public.audit_content_hash(entry);
        entry.family_hash := public.audit_family_hash(entry);
        RETURN entry;
    END
    $$;

REVOKE ALL ON FUNCTION link_audit_entry FROM PUBLIC;
