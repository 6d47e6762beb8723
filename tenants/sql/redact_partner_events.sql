-- Takes out of a partner's feed what a customer that is gone was called: by its partner, and in names and labels. The events
-- stay, each in its place.
CREATE OR REPLACE FUNCTION redact_partner_events(customer uuid) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH redacted AS (
            UPDATE public.tenants_partnerevent e
               -- At any depth: of a string in JSON's text, no quote is unescaped but the last.
               SET external_id = NULL, previous = NULL, data = regexp_replace(
                   e.data::text, '"(name|slug|label|reason|prefix)": "(?:[^"\\]|\\.)*"', '"\1": "deleted"', 'g'
               )::jsonb
             WHERE e.customer_id = redact_partner_events.customer
               AND NOT EXISTS (SELECT FROM public.tenants_tenant t WHERE t.id = redact_partner_events.customer)
            RETURNING 1
        )
        SELECT count(*) FROM redacted
    $$;

REVOKE ALL ON FUNCTION redact_partner_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redact_partner_events TO app_staff;
