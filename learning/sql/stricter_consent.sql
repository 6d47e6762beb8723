-- Returns the consent to learning that follows from a tenant's config and its partner's. The strictest setting wins.
--
-- Three settings count for a customer: its own, its partner's for this customer (`learning_by_partner`), and its
-- partner's for all of its customers.
CREATE OR REPLACE FUNCTION stricter_consent(own jsonb, partners jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT CASE WHEN 'off' = ANY (words) THEN 'off' WHEN 'use_only' = ANY (words) THEN 'use_only'
            ELSE 'contribute' END
        FROM (SELECT ARRAY[own->>'learning', own->>'learning_by_partner', partners->>'learning'] AS words) AS said
    $$;

REVOKE ALL ON FUNCTION stricter_consent FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stricter_consent TO app_web, app_staff;
