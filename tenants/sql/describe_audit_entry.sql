-- An audit entry with what its tenant is shown of it whatever its place in the chain: its id, the family, the actor, and the
-- hash of its content. An entry that is about no tenant has none of these.
--
-- A family is a partner and its customers, or a tenant without a partner. The id is random: a number would tell tenants how
-- many entries others have. So is the salt of the content, without which nobody finds by trial what was redacted. An entry
-- that is in the chain of all keeps what it has.
CREATE OR REPLACE FUNCTION describe_audit_entry(entry tenants_auditentry) RETURNS tenants_auditentry
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
        IF entry.position IS NULL THEN
            entry.public_id := 'aud_' || replace(gen_random_uuid()::text, '-', '');
            entry.content_salt := uuid_send(gen_random_uuid());
        END IF;
        entry.content_hash := public.audit_content_hash(entry);
        RETURN entry;
    END
    $$;

REVOKE ALL ON FUNCTION describe_audit_entry FROM PUBLIC;
