-- Staff see where the chain of audit entries ends. Only chain_entry moves it.
ALTER TABLE tenants_audithead ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS staff ON tenants_audithead;
CREATE POLICY staff ON tenants_audithead FOR SELECT TO app_staff USING (true);

REVOKE INSERT, UPDATE, DELETE ON tenants_audithead FROM app_staff;
