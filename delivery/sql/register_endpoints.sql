-- Makes sure that addresses which a partner registers with an integration have rows in delivery_endpoint. Called by the
-- trigger note_address, with the rights of the tables' owner.
CREATE OR REPLACE FUNCTION register_endpoints(owner uuid, addresses text[]) RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
    AS $$
    INSERT INTO public.delivery_endpoint AS e
        (tenant_id, id, url, registered_at, consecutive_failures, openings, last_failure)
    SELECT owner, a.id, a.url, now(), 0, 0, ''
      FROM (SELECT DISTINCT md5(owner::text || url)::uuid AS id, url FROM unnest(addresses) AS url) a
     -- ON CONFLICT locks a row that it leaves as it is, too.
     WHERE NOT EXISTS (
        SELECT FROM public.delivery_endpoint r
         WHERE r.tenant_id = owner AND r.id = a.id AND r.registered_at IS NOT NULL
     )
     ORDER BY a.id  -- or two that register the same would wait for each other
    ON CONFLICT (tenant_id, id) DO UPDATE SET registered_at = now() WHERE e.registered_at IS NULL
    $$;

REVOKE ALL ON FUNCTION register_endpoints FROM PUBLIC;
