-- A partner reads the checkpoints of its family, as does a tenant without a partner. A worker adds them, as staff.
ALTER TABLE tenants_auditcheckpoint ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_auditcheckpoint;
CREATE POLICY tenant_isolation ON tenants_auditcheckpoint FOR SELECT TO app_web
    USING (family_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON tenants_auditcheckpoint;
CREATE POLICY staff ON tenants_auditcheckpoint TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT ON tenants_auditcheckpoint TO app_web;
REVOKE UPDATE, DELETE ON tenants_auditcheckpoint FROM app_staff;
