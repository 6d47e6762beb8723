-- A tenant sees its own receipts. Staff see which tenants have receipts, but not what is in them, and delete none: they are
-- the ledger of privacy. A tenant that is deleted takes its receipts along, by their foreign key.
ALTER TABLE learning_receipt ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON learning_receipt;
CREATE POLICY tenant_isolation ON learning_receipt TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON learning_receipt;
CREATE POLICY staff ON learning_receipt TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT ON learning_receipt TO app_web;
REVOKE SELECT, INSERT, UPDATE, DELETE ON learning_receipt FROM app_staff;
GRANT SELECT (tenant_id) ON learning_receipt TO app_staff;
