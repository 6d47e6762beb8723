-- A partner sees the deletions of its customers, schedules them and calls them off. What comes of them workers write, as
-- staff. Nobody deletes a record.
ALTER TABLE tenants_deletion ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_deletion;
CREATE POLICY tenant_isolation ON tenants_deletion TO app_web
    USING (owner_id = (SELECT current_tenant()))
    WITH CHECK (
        owner_id = (SELECT current_tenant())
        AND (status = 'scheduled' OR status = 'cancelled')
        AND EXISTS (
            SELECT 1 FROM tenants_tenant t
            WHERE t.id = tenants_deletion.subject_id
                AND t.parent_id = (SELECT current_tenant())
        )
    );

DROP POLICY IF EXISTS staff ON tenants_deletion;
CREATE POLICY staff ON tenants_deletion TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE (status, finished_at) ON tenants_deletion TO app_web;
REVOKE DELETE ON tenants_deletion FROM app_staff;

-- refusal_of_key runs before there is a context.
DROP POLICY IF EXISTS key_lookup ON tenants_deletion;
CREATE POLICY key_lookup ON tenants_deletion FOR SELECT TO app_auth USING (true);
GRANT SELECT (subject_id, status, requested_at, requested_by) ON tenants_deletion TO app_auth;
