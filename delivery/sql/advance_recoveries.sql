-- Takes the recoveries that are due one batch further: sends up to `most` failed actions of each again, and lets it rest
-- for `pause`. So a recovery never replays faster than that, however many workers there are, and one that was killed in
-- the middle of a batch did none of it.
--
-- A recovery reads all failed actions that have not expired once, in the order of their expiry, at most 5,000 for a
-- batch, and takes those of its endpoint and window. One that fails again is not replayed a second time. Actions that
-- somebody else holds are left alone, and so are those of a customer that has the integration no longer, or is being
-- deleted.
--
-- Returns the recoveries that have come to their end, and whether that is because their endpoint is disabled: what is sent
-- there would fail at once. One whose batch cannot be done is returned with the SQLSTATE as its `fault`, and rests for a
-- minute: it keeps no other from going on. Those of a partner that is being deleted rest.
CREATE OR REPLACE FUNCTION advance_recoveries(most int, pause interval)
    RETURNS TABLE (tenant_id uuid, recovery_id text, is_stopped boolean, fault text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    #variable_conflict use_column
    DECLARE
        job record;
        batch record;
    BEGIN
        FOR job IN
            SELECT r.*, e.disabled_at FROM public.delivery_recovery r
              JOIN public.delivery_endpoint e ON e.tenant_id = r.tenant_id AND e.id = r.endpoint_id
              JOIN public.tenants_tenant p ON p.id = r.tenant_id AND p.delete_at IS NULL
             WHERE r.status = 'running' AND r.due_at <= now() ORDER BY r.due_at LIMIT 16
               FOR NO KEY UPDATE OF r SKIP LOCKED
        LOOP
            IF job.disabled_at IS NOT NULL THEN
                RETURN QUERY SELECT job.tenant_id, job.id::text, true, NULL;
                CONTINUE;
            END IF;
            BEGIN
                WITH looked AS MATERIALIZED (
                    SELECT a.tenant_id, a.id, a.action_type_id, a.revision, a.expires_at, a.created_at, a.failure_reason
                      FROM public.delivery_action a
                     WHERE a.status = 'failed' AND a.expires_at > now()
                       AND (a.expires_at, a.id) > (coalesce(job.place_expires_at, '-infinity'), job.place_action_id)
                     ORDER BY a.expires_at, a.id LIMIT 5000
                ), matching AS MATERIALIZED (
                    SELECT l.* FROM looked l
                      JOIN public.integrations_actiontype t ON t.tenant_id = l.tenant_id AND t.id = l.action_type_id
                      LEFT JOIN public.integrations_revisiontemplate m
                        ON m.integration_id = t.integration_id AND m.revision = coalesce(l.revision, t.revision) AND m.name = t.name
                      JOIN public.integrations_integrationshare s
                        ON s.tenant_id = l.tenant_id AND s.integration_id = t.integration_id AND s.ended_at IS NULL
                      JOIN public.tenants_tenant c ON c.id = l.tenant_id AND c.plan_status <> 'deleting'
                     WHERE t.partner_id = job.tenant_id
                       AND md5(job.tenant_id::text || coalesce(m.delivery_webhook, t.delivery_webhook))::uuid = job.endpoint_id
                       AND l.failure_reason IN ('attempts_exhausted', 'endpoint_gone', 'internal_error')
                       AND l.created_at >= job.since AND (job.until IS NULL OR l.created_at < job.until)
                     ORDER BY l.expires_at, l.id LIMIT most
                ), locked AS (
                    SELECT a.tenant_id, a.id FROM public.delivery_action a
                      JOIN matching m ON m.tenant_id = a.tenant_id AND m.id = a.id
                     -- By the index of ids, whatever the planner takes the tables to hold.
                     WHERE a.id = ANY (ARRAY(SELECT n.id FROM matching n)) AND a.status = 'failed'
                       FOR NO KEY UPDATE OF a SKIP LOCKED
                ), replayed AS (
                    UPDATE public.delivery_action a
                       SET status = 'pending', due_at = now(), leased_until = NULL, failure_reason = '',
                           replayed_from = a.attempts
                      FROM locked l
                     WHERE a.id = ANY (ARRAY(SELECT n.id FROM locked n)) AND a.tenant_id = l.tenant_id AND a.id = l.id
                    RETURNING 1
                ), reached AS (
                    -- Behind a full batch there may be more of what was looked at.
                    (SELECT m.expires_at, m.id FROM matching m WHERE (SELECT count(*) FROM matching) = most
                      ORDER BY 1 DESC, 2 DESC LIMIT 1)
                    UNION ALL
                    (SELECT l.expires_at, l.id FROM looked l WHERE (SELECT count(*) FROM matching) < most
                      ORDER BY 1 DESC, 2 DESC LIMIT 1)
                )
                SELECT (SELECT count(*) FROM replayed)::int AS replayed,
                       (SELECT u.expires_at FROM reached u) AS expires_at, (SELECT u.id FROM reached u) AS action_id,
                       (SELECT count(*) FROM looked) < 5000 AND (SELECT count(*) FROM matching) < most AS is_last
                  INTO batch;
                UPDATE public.delivery_recovery r
                   SET replayed = r.replayed + batch.replayed, due_at = clock_timestamp() + pause,
                       place_expires_at = coalesce(batch.expires_at, r.place_expires_at),
                       place_action_id = coalesce(batch.action_id, r.place_action_id)
                 WHERE r.id = job.id;
                IF batch.replayed > 0 THEN
                    PERFORM pg_notify('retivo_actions', '');
                END IF;
                IF batch.is_last THEN
                    RETURN QUERY SELECT job.tenant_id, job.id::text, false, NULL;
                END IF;
            EXCEPTION WHEN OTHERS THEN
                UPDATE public.delivery_recovery r SET due_at = clock_timestamp() + interval '1 minute' WHERE r.id = job.id;
                RETURN QUERY SELECT job.tenant_id, job.id::text, false, SQLSTATE::text;
            END;
        END LOOP;
    END
    $$;

REVOKE ALL ON FUNCTION advance_recoveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION advance_recoveries TO app_worker;
