-- A tenant sees its own receipts. Staff see which tenants have receipts, but not what is in them.
ALTER TABLE learning_receipt ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON learning_receipt;
CREATE POLICY tenant_isolation ON learning_receipt TO app_rt
    USING (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid))
    WITH CHECK (tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid));

DROP POLICY IF EXISTS staff ON learning_receipt;
CREATE POLICY staff ON learning_receipt TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT ON learning_receipt TO app_rt;
REVOKE SELECT, INSERT, UPDATE ON learning_receipt FROM app_staff;
GRANT SELECT (tenant_id) ON learning_receipt TO app_staff;
