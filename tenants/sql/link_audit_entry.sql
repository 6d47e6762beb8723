-- An audit entry with its place in the chain of its family. It has what describe_audit_entry gives it, or gets that.
--
-- Whoever calls this holds the head of the chain of all, so that nobody else takes the place, and writes what comes back.
CREATE OR REPLACE FUNCTION link_audit_entry(entry tenants_auditentry) RETURNS tenants_auditentry
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF entry.family_id IS NULL THEN
            entry := public.describe_audit_entry(entry);
        END IF;
        IF entry.family_id IS NULL THEN
            RETURN entry;
        END IF;
        SELECT e.family_seq + 1, e.family_hash INTO entry.family_seq, entry.family_previous_hash
        FROM public.tenants_auditentry e
        WHERE e.family_id = entry.family_id AND e.family_seq IS NOT NULL ORDER BY e.family_seq DESC LIMIT 1;
        IF NOT FOUND THEN
            entry.family_seq := 1;
            entry.family_previous_hash := decode(repeat('00', 32), 'hex');
        END IF;
        entry.family_hash := public.audit_family_hash(entry);
        RETURN entry;
    END
    $$;

REVOKE ALL ON FUNCTION link_audit_entry FROM PUBLIC;
