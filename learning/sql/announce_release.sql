-- Tells partners of a release, and which patterns of their own integrations are in it. The release tells all whom it asked,
-- whether or not any of their customers contributed: who is told reveals nothing of who is in it. Whoever was told of it is
-- not told again, whether the calls come one after the other or at once.
--
-- Runs with its owner's rights: who releases can write no events, and puts nothing of its own into these.
CREATE OR REPLACE FUNCTION announce_release(release bigint, partners uuid[]) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        -- In a statement of its own: the next one sees what the call before has committed.
        SELECT pg_advisory_xact_lock(hashtext('learning.announce'));

        SELECT public.record_partner_event(p.id, 'pattern.released', jsonb_build_object(
            'release_id', r.id,
            'released_on', (r.released_at AT TIME ZONE 'UTC')::date,
            'epsilon', r.epsilon,
            'patterns', (
                SELECT coalesce(jsonb_agg(jsonb_build_object(
                    'block', x.block, 'integration_id', a.integration_id, 'action_type', a.name
                ) ORDER BY x.id), '[]')
                FROM public.learning_pattern x
                LEFT JOIN public.integrations_actiontypetemplate a ON a.tenant_id = p.id AND a.id::text = x.block
                WHERE x.release_id = r.id AND x.partner_id = p.id
            )
        ))
        FROM public.learning_release r
        CROSS JOIN (SELECT DISTINCT id FROM unnest(announce_release.partners) a (id)) p
        WHERE r.id = announce_release.release AND NOT EXISTS (
            SELECT FROM public.tenants_partnerevent e
            WHERE e.tenant_id = p.id AND e.created_at >= r.released_at
              AND e.type = 'pattern.released' AND e.data -> 'release_id' = to_jsonb(r.id)
        )
    $$;

REVOKE ALL ON FUNCTION announce_release FROM PUBLIC;
GRANT EXECUTE ON FUNCTION announce_release TO app_release;
