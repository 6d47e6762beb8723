-- Whether a value is what a partner may keep with a customer: at most 50 pairs of a key of 1 to 40 characters and a text of
-- at most 500.
CREATE OR REPLACE FUNCTION is_metadata(value jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT jsonb_typeof(value) = 'object' AND (
            SELECT count(*) <= 50 AND coalesce(bool_and(
                jsonb_typeof(m.value) = 'string' AND length(m.key) BETWEEN 1 AND 40 AND length(m.value #>> '{}') <= 500
            ), true)
            FROM jsonb_each(CASE jsonb_typeof(value) WHEN 'object' THEN value ELSE '{}' END) m
        )
    $$;

REVOKE ALL ON FUNCTION is_metadata FROM PUBLIC;
GRANT EXECUTE ON FUNCTION is_metadata TO app_web, app_staff;
