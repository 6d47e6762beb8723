-- What the detail of an audit entry tells, in the order of the fields' names: what changed from what to what, of an object
-- by its members; or what was told of something new, which was nothing before.
CREATE OR REPLACE FUNCTION audit_changes(detail jsonb) RETURNS json
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT coalesce(json_agg(
            json_build_object('field', f.name, 'from', f.before, 'to', f.after) ORDER BY f.name COLLATE "C"
        ), '[]')
        FROM jsonb_each(CASE
            WHEN jsonb_typeof(detail -> 'changes') = 'object' THEN detail -> 'changes'
            ELSE (SELECT coalesce(jsonb_object_agg(d.key, jsonb_build_object('to', d.value)), '{}') FROM jsonb_each(detail) d)
        END) c
        CROSS JOIN LATERAL (
            SELECT jsonb_typeof(c.value -> 'from') = 'object' AND jsonb_typeof(c.value -> 'to') = 'object' AS are_objects
        ) kind
        CROSS JOIN LATERAL (
            SELECT c.key AS name, c.value -> 'from' AS before, c.value -> 'to' AS after
            WHERE kind.are_objects IS NOT TRUE
            UNION ALL
            SELECT c.key || '.' || m.key, c.value -> 'from' -> m.key, c.value -> 'to' -> m.key
            FROM jsonb_object_keys(CASE WHEN kind.are_objects THEN (c.value -> 'from') || (c.value -> 'to') END) m (key)
            WHERE c.value -> 'from' -> m.key IS DISTINCT FROM c.value -> 'to' -> m.key
        ) f
        WHERE c.key <> 'config_by_partner'  -- says of members of the config who set them
    $$;

REVOKE ALL ON FUNCTION audit_changes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_changes TO app_web, app_staff;
