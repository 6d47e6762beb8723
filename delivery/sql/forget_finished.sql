-- Deletes recoveries and certifications of endpoints, and replays to webhooks, that were over 90 days ago, at most 1,000 of
-- each at a time. Returns how many rows went. What is shown stays: the newest recovery of an endpoint, the newest
-- certification of an endpoint for each integration, the newest one that passed, which is the certificate, and the newest
-- replay to a webhook.
CREATE OR REPLACE FUNCTION forget_finished(OUT forgotten int)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        gone int;
    BEGIN
        DELETE FROM public.delivery_recovery r WHERE r.id = ANY (ARRAY(
            SELECT o.id FROM public.delivery_recovery o
             WHERE o.finished_at < now() - interval '90 days' AND EXISTS (
                SELECT FROM public.delivery_recovery n
                 WHERE n.tenant_id = o.tenant_id AND n.endpoint_id = o.endpoint_id AND n.created_at > o.created_at
             ) LIMIT 1000
        ));
        GET DIAGNOSTICS forgotten = ROW_COUNT;
        DELETE FROM public.delivery_certification c WHERE c.id = ANY (ARRAY(
            SELECT o.id FROM public.delivery_certification o
             WHERE o.finished_at < now() - interval '90 days' AND EXISTS (
                SELECT FROM public.delivery_certification n
                 WHERE n.tenant_id = o.tenant_id AND n.endpoint_id = o.endpoint_id
                   AND n.integration_id = o.integration_id AND n.created_at > o.created_at
                   AND (n.status = 'passed' OR o.status = 'failed')
             ) LIMIT 1000
        ));
        GET DIAGNOSTICS gone = ROW_COUNT;
        forgotten := forgotten + gone;
        DELETE FROM public.delivery_webhookreader r WHERE r.id = ANY (ARRAY(
            SELECT o.id FROM public.delivery_webhookreader o
             WHERE o.completed_at < now() - interval '90 days' AND EXISTS (
                SELECT FROM public.delivery_webhookreader n
                 WHERE n.webhook_id = o.webhook_id AND n.until_seq IS NOT NULL AND n.created_at > o.created_at
             ) LIMIT 1000
        ));
        GET DIAGNOSTICS gone = ROW_COUNT;
        forgotten := forgotten + gone;
    END
    $$;

REVOKE ALL ON FUNCTION forget_finished FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_finished TO app_worker;
