-- A tenant appends to the audit trail, of itself or of a customer, by its keys, and reads what is about itself and, as a
-- partner, about its family. What Retivo did itself, workers alone append. Who of the staff did something, staff alone read. Nobody changes the trail or takes anything out
-- of it: chain_entry gives each entry its positions and the hashes of those before.
ALTER TABLE tenants_auditentry ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_auditentry;
CREATE POLICY tenant_isolation ON tenants_auditentry FOR INSERT TO app_web
    WITH CHECK (
        actor LIKE 'api\_key:%'
        AND (
            tenant_id = (SELECT current_tenant())
            OR EXISTS (
                SELECT 1 FROM tenants_tenant t
                WHERE t.id = tenants_auditentry.tenant_id
                    AND t.parent_id = (SELECT current_tenant())
            )
        )
    );

DROP POLICY IF EXISTS by_system ON tenants_auditentry;
CREATE POLICY by_system ON tenants_auditentry FOR INSERT TO app_worker
    WITH CHECK (actor = 'system' AND tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS shown ON tenants_auditentry;
CREATE POLICY shown ON tenants_auditentry FOR SELECT TO app_web
    USING (family_id = (SELECT current_tenant()) OR tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON tenants_auditentry;
CREATE POLICY staff ON tenants_auditentry TO app_staff USING (true) WITH CHECK (true);

REVOKE INSERT, UPDATE, DELETE ON tenants_auditentry FROM app_staff;
GRANT INSERT (actor, action, tenant_id, target_type, target_id, address, request_id, detail) ON tenants_auditentry TO app_web, app_staff;
GRANT SELECT (
    id, created_at, public_id, shown_actor, action, tenant_id, target_type, target_id, address, request_id, detail, redacted_hash,
    content_salt, content_hash, family_id, family_seq, family_previous_hash, family_hash
) ON tenants_auditentry TO app_web;
