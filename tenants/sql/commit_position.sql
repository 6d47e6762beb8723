-- The position of this transaction in the order of commits: the era (`retivo.database.commits`), then its number. A
-- savepoint has that of its transaction.
CREATE OR REPLACE FUNCTION commit_position() RETURNS bigint
    LANGUAGE sql VOLATILE
    AS $$
        SELECT ((SELECT era.last_value FROM public.commit_era era) << 48) + pg_current_xact_id()::text::bigint
    $$;

REVOKE ALL ON FUNCTION commit_position FROM PUBLIC;
GRANT EXECUTE ON FUNCTION commit_position TO app_web, app_staff;
