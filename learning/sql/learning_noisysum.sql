-- A release reads its noisy sums once the transaction that charged for them has committed, and deletes them when it has
-- made patterns of them. Whoever rolls the charge back has seen nothing.
ALTER TABLE learning_noisysum ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS releases ON learning_noisysum;
CREATE POLICY releases ON learning_noisysum TO app_release
    USING (charged_in IS DISTINCT FROM pg_current_xact_id_if_assigned()::text::bigint);

-- A partner that is deleted takes them along.
DROP POLICY IF EXISTS staff ON learning_noisysum;
CREATE POLICY staff ON learning_noisysum TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, DELETE ON learning_noisysum TO app_release;
REVOKE SELECT, INSERT, UPDATE ON learning_noisysum FROM app_staff;
GRANT SELECT (partner_id) ON learning_noisysum TO app_staff;
