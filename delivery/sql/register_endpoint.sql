-- Makes sure that an address which a partner registers with an integration has a row in delivery_endpoint. Called by the
-- trigger note_address, with the rights of the tables' owner.
CREATE OR REPLACE FUNCTION register_endpoint(owner uuid, address text) RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
    AS $$
    INSERT INTO public.delivery_endpoint AS e
        (tenant_id, id, url, registered_at, consecutive_failures, openings, last_failure)
    SELECT owner, md5(owner::text || address)::uuid, address, now(), 0, 0, ''
     -- ON CONFLICT locks a row that it leaves as it is, too.
     WHERE NOT EXISTS (
        SELECT FROM public.delivery_endpoint r
         WHERE r.tenant_id = owner AND r.id = md5(owner::text || address)::uuid AND r.registered_at IS NOT NULL
     )
    ON CONFLICT (tenant_id, id) DO UPDATE SET registered_at = now() WHERE e.registered_at IS NULL
    $$;

REVOKE ALL ON FUNCTION register_endpoint FROM PUBLIC;
