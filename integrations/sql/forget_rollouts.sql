-- Deletes what was kept of each customer for roll-outs that finished 91 days ago: a day after they can be rolled back no
-- more. At most 2,000 of these rows at a time; then, of sharings with all that finished as long ago, all but the newest of
-- an integration. Returns how many rows went. The roll-outs stay, with their counts.
CREATE OR REPLACE FUNCTION forget_rollouts(OUT forgotten int)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        DELETE FROM public.integrations_rolloutcustomer c WHERE c.ctid = ANY (ARRAY(
            SELECT o.ctid FROM public.integrations_rollout r
              JOIN public.integrations_rolloutcustomer o ON o.rollout_id = r.id
             WHERE r.finished_at < now() - interval '91 days' LIMIT 2000 FOR UPDATE OF o SKIP LOCKED
        ));
        GET DIAGNOSTICS forgotten = ROW_COUNT;
        IF forgotten = 0 THEN
            DELETE FROM public.integrations_sharing s WHERE s.ctid = ANY (ARRAY(
                SELECT o.ctid FROM public.integrations_sharing o
                 WHERE o.finished_at < now() - interval '91 days' AND EXISTS (
                    SELECT FROM public.integrations_sharing n
                     WHERE n.integration_id = o.integration_id AND n.created_at > o.created_at
                 ) LIMIT 2000
            ));
            GET DIAGNOSTICS forgotten = ROW_COUNT;
        END IF;
    END
    $$;

REVOKE ALL ON FUNCTION forget_rollouts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_rollouts TO app_worker;
