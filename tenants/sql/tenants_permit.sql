-- How many requests were permitted in the present window, to a tenant or with a key. Only take_permits reads and counts
-- them; what is past is taken away in upkeep, and what is of a tenant that is deleted, with it.
ALTER TABLE tenants_permit ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS upkeep ON tenants_permit;
CREATE POLICY upkeep ON tenants_permit TO app_upkeep USING (true);

DROP POLICY IF EXISTS staff ON tenants_permit;
CREATE POLICY staff ON tenants_permit TO app_staff USING (true);

REVOKE ALL ON tenants_permit FROM app_staff;
GRANT SELECT, DELETE ON tenants_permit TO app_upkeep, app_staff;
