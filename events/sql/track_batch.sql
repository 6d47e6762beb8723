-- Stores a batch of events in one trip if nothing about it is out of the ordinary. Returns true if it is stored, and null
-- if nothing was done: the caller then takes the ordinary way, which knows what to answer.
--
-- Ordinary are a valid key that may write events, no event mappings, users that were all counted this month, keys that are all
-- new, and users that need not be scored at once. Two batches that store one key at the same time end with a unique
-- violation, and nothing of the second is stored. Plans are made once a connection, and all look-ups go by an index, even
-- where statistics are missing or tables are empty.
--
-- `events` are as `events.ingestion.services` sends them to the ordinary statement, which writes the same rows. `at` is
-- the database's clock where null, and `caller` the address of the client.
CREATE OR REPLACE FUNCTION track_batch(
    key_digest bytea, events jsonb, source text, at timestamptz, scored_at_once int, caller inet DEFAULT NULL
)
    RETURNS boolean
    LANGUAGE plpgsql
    SET plan_cache_mode = 'force_generic_plan'
    SET enable_seqscan = off
    AS $$
    DECLARE
        moment CONSTANT timestamptz := coalesce(at, now());
        this_month CONSTANT date := date_trunc('month', moment AT TIME ZONE 'UTC');
        ring CONSTANT text := key_ring(moment);
        ring_before CONSTANT text := key_ring(moment - interval '2 days');
        first_before CONSTANT uuid := (ring_before || repeat('0', 28))::uuid;
        last_before CONSTANT uuid := (ring_before || repeat('f', 28))::uuid;
        tenant uuid;
        kept_days int;
        stored boolean;
    BEGIN
        -- At a ring's end batches of a tenant come one after another.
        IF extract(epoch FROM moment) % 172800 NOT BETWEEN 60 AND 172740 THEN
            RETURN NULL;
        END IF;
        SELECT k.tenant_id INTO tenant FROM authenticate_api_key(key_digest, track_batch.caller) AS k
        WHERE k.verdict = 'ok' AND k.scopes && ARRAY['full', 'events:write'];
        IF tenant IS NULL THEN
            RETURN NULL;
        END IF;
        SELECT days_kept(t.plan_tier, t.config) INTO kept_days FROM tenants_tenant t
        WHERE t.id = tenant AND NOT EXISTS (
            SELECT FROM integrations_integrationshare s JOIN integrations_partnerintegration i ON i.id = s.integration_id
            WHERE s.tenant_id = tenant AND s.ended_at IS NULL AND i.active
              AND (i.event_mappings <> '[]' OR i.maps_events_later)
        );
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        PERFORM pg_advisory_xact_lock_shared(hashtextextended('retivo.erase:' || tenant, 0));

        WITH sent AS MATERIALIZED (
            SELECT e.user_id, e.event, coalesce(e.timestamp, moment) AS timestamp, coalesce(e.properties, '{}') AS properties,
                (ring || hash)::uuid AS key, (ring_before || hash)::uuid AS key_before
            FROM jsonb_to_recordset(track_batch.events) AS e
                (user_id text, event text, timestamp timestamptz, properties jsonb, idempotency_key text)
            CROSS JOIN LATERAL (
                SELECT key_hash(tenant, substring(sha256(convert_to(e.idempotency_key, 'UTF8')) FOR 16)) OFFSET 0
            ) AS h (hash)
        ), counted AS MATERIALIZED (
            SELECT u.user_id, u.last_activity_at > moment - interval '5 minutes' AS fresh,
                u.lifecycle_stage = 'active' AND u.scored_at > moment - interval '1 hour' AS rests
            FROM events_trackeduser u
            WHERE u.tenant_id = tenant AND u.user_id = ANY(ARRAY(SELECT s.user_id FROM sent s))
              AND u.counted_month = this_month
        ), stale AS MATERIALIZED (
            SELECT s.user_id, max(s.timestamp) FILTER (WHERE s.event <> '$identify') AS latest FROM sent s
            WHERE s.user_id NOT IN (SELECT c.user_id FROM counted c WHERE c.fresh)
            GROUP BY s.user_id
        ), plain AS MATERIALIZED (
            SELECT true AS is_plain
            WHERE NOT EXISTS (SELECT FROM stale s WHERE s.user_id NOT IN (SELECT c.user_id FROM counted c))
              AND ((SELECT count(*) FROM stale) NOT BETWEEN 1 AND scored_at_once
                   OR NOT EXISTS (SELECT FROM counted c WHERE c.fresh IS NOT TRUE AND c.rests IS NOT TRUE))
              AND NOT EXISTS (
                  SELECT FROM sent s WHERE s.timestamp NOT BETWEEN '1970-01-01Z' AND moment + interval '24 hours'
              )
              AND NOT EXISTS (
                  SELECT FROM events_storedkey k
                  WHERE k.key = ANY(ARRAY(SELECT s.key_before FROM sent s)) AND k.key BETWEEN first_before AND last_before
              )
        ), key AS (
            INSERT INTO events_storedkey (tenant_id, key)
            SELECT tenant, s.key FROM sent s WHERE s.key IS NOT NULL AND (SELECT is_plain FROM plain) ORDER BY s.key
        ), event AS (
            INSERT INTO events_event (tenant_id, timestamp, user_id, name, source, properties, retention_days, month)
            SELECT tenant, s.timestamp, s.user_id, s.event, track_batch.source, s.properties, kept_days, this_month
            FROM sent s WHERE (SELECT is_plain FROM plain)
        ), touchable AS MATERIALIZED (
            SELECT u.user_id, s.latest
            FROM stale s JOIN events_trackeduser u ON u.user_id = s.user_id
            WHERE u.tenant_id = tenant AND u.user_id = ANY(ARRAY(SELECT s.user_id FROM stale s))
              AND (SELECT is_plain FROM plain)
            FOR NO KEY UPDATE OF u SKIP LOCKED
        ), touched AS (
            UPDATE events_trackeduser u SET last_activity_at = greatest(u.last_activity_at, t.latest)
            FROM touchable t
            WHERE u.tenant_id = tenant AND u.user_id = ANY(ARRAY(SELECT t.user_id FROM touchable t))
              AND u.user_id = t.user_id
        ), metered AS (
            INSERT INTO events_monthlyusage (tenant_id, month, shard, events, active_users)
            SELECT tenant, this_month, coalesce((
                SELECT m.shard FROM events_monthlyusage m WHERE m.tenant_id = tenant AND m.month = this_month AND m.shard > 0
                LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
            ), 1 + pg_backend_pid() % 32000), count(*), 0 FROM sent WHERE (SELECT is_plain FROM plain) HAVING count(*) > 0
            ON CONFLICT (tenant_id, month, shard) DO UPDATE SET events = events_monthlyusage.events + excluded.events
        )
        SELECT is_plain INTO stored FROM plain;
        RETURN stored;
    END
    $$;

REVOKE ALL ON FUNCTION track_batch FROM PUBLIC;
GRANT EXECUTE ON FUNCTION track_batch TO app_web;
