-- How many requests were permitted in the present window, to a tenant or with a key. Only take_permits reads and counts
-- them; what is past is taken away in upkeep.
ALTER TABLE tenants_permit ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS upkeep ON tenants_permit;
CREATE POLICY upkeep ON tenants_permit TO app_upkeep USING (true);

REVOKE ALL ON tenants_permit FROM app_staff;
GRANT SELECT, DELETE ON tenants_permit TO app_upkeep;
