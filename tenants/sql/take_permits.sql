-- Takes permits for requests with the given key: of its tenant and of the key itself, in this order in each array. Returns
-- whose the key is, and of each what was granted, how many are left for all, and when the window ends. No row if the key
-- is not valid.
--
-- A process takes as many as it needs for a moment, so that most requests need no statement, and gives back what it did
-- not use, with the end of the window that this was of. It is called outside of any transaction: the lock on a row lasts
-- as long as the function, and nothing waits for the disk, because the table is unlogged. In a crash of PostgreSQL the
-- counts begin anew.
--
-- Runs with its owner's rights, because there is no tenant context yet. Who has no key can take nobody's permits.
CREATE OR REPLACE FUNCTION take_permits(
    key_digest bytea, default_limits int[], default_seconds int[], wanted int[], unused int[], unused_of timestamptz[],
    OUT key_id uuid, OUT tenant_id uuid, OUT limits int[], OUT seconds int[], OUT granted int[], OUT free int[],
    OUT ends_in float8[], OUT ends_at timestamptz[]
)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, pg_temp
    AS $$
    #variable_conflict use_column
    DECLARE
        holders uuid[];
        moment CONSTANT timestamptz := clock_timestamp();
        window_end timestamptz;
        counted int;
    BEGIN
        SELECT k.id, k.tenant_id, ARRAY[t.id, k.id],
            ARRAY[coalesce(own.requests, default_limits[1]), default_limits[2]],
            ARRAY[coalesce(own.seconds, default_seconds[1]), default_seconds[2]]
          INTO key_id, tenant_id, holders, limits, seconds
          FROM public.tenants_apikey k JOIN public.tenants_tenant t ON t.id = k.tenant_id
          -- What a partner sets is not above the installation's: neither in its rate nor in what may come at once.
          LEFT JOIN LATERAL (
            SELECT (t.rate_limit -> 'requests')::int AS requests, (t.rate_limit -> 'seconds')::int AS seconds
          ) own ON t.parent_id IS NULL
            OR own.requests <= default_limits[1]
            AND own.requests::numeric * default_seconds[1] <= default_limits[1]::numeric * own.seconds
         WHERE k.digest = key_digest AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > moment);
        IF NOT FOUND THEN
            RETURN;
        END IF;
        FOR n IN 1..2 LOOP
            window_end := to_timestamp((floor(extract(epoch FROM moment) / seconds[n]) + 1) * seconds[n]);
            INSERT INTO public.tenants_permit AS p (id, tenant_id, ends_at, taken)
            VALUES (holders[n], holders[1], window_end, wanted[n])
            ON CONFLICT (id) DO UPDATE SET ends_at = excluded.ends_at, taken = excluded.taken + CASE
                -- More was asked for than was left, maybe.
                WHEN p.ends_at = excluded.ends_at THEN greatest(least(p.taken, limits[n]) - CASE
                    WHEN unused_of[n] = p.ends_at THEN unused[n] ELSE 0
                END, 0)
                ELSE 0
            END
            RETURNING p.taken INTO counted;
            granted[n] := greatest(least(wanted[n], limits[n] - (counted - wanted[n])), 0);
            free[n] := greatest(limits[n] - counted, 0);
            ends_in[n] := extract(epoch FROM window_end - moment);
            ends_at[n] := window_end;
        END LOOP;
        RETURN NEXT;
    END
    $$;

REVOKE ALL ON FUNCTION take_permits FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_permits TO app_web;
