-- Leases certifications that nobody works on to a worker, oldest first, and returns their ids. Those of a partner that is
-- being deleted rest.
CREATE OR REPLACE FUNCTION claim_certifications(wanted int, lease_seconds int)
    RETURNS TABLE (tenant_id uuid, certification_id text)
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    UPDATE public.delivery_certification c
       SET leased_until = clock_timestamp() + make_interval(secs => lease_seconds)
     WHERE c.id IN (
        SELECT w.id FROM public.delivery_certification w
          JOIN public.tenants_tenant p ON p.id = w.tenant_id AND p.delete_at IS NULL
         WHERE w.status = 'running' AND (w.leased_until IS NULL OR w.leased_until <= clock_timestamp())
         ORDER BY w.created_at, w.id LIMIT wanted FOR NO KEY UPDATE OF w SKIP LOCKED
     )
    RETURNING c.tenant_id, c.id::text
    $$;

REVOKE ALL ON FUNCTION claim_certifications FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_certifications TO app_worker;
