"""Partners are told of a release by a function, so that the role that releases needs no right to events."""

from django.db import migrations

# As it was while whoever called it again told again.
ANNOUNCE_RELEASE = """\
-- Tells partners of a release, and which patterns of their own integrations are in it. The release tells all whom it
-- asked,
-- whether or not any of their customers contributed: who is told reveals nothing of who is in it.
--
-- Runs with its owner's rights: who releases can write no events, and puts nothing of its own into these.
CREATE OR REPLACE FUNCTION announce_release(release bigint, partners uuid[]) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
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
        FROM public.learning_release r CROSS JOIN unnest(announce_release.partners) p (id)
        WHERE r.id = announce_release.release
    $$;

REVOKE ALL ON FUNCTION announce_release FROM PUBLIC;
GRANT EXECUTE ON FUNCTION announce_release TO app_release;
"""


class Migration(migrations.Migration):
    dependencies = [("learning", "0017_report_decisions"), ("tenants", "0044_record_partner_event")]

    operations = [
        migrations.RunSQL(sql=[ANNOUNCE_RELEASE], reverse_sql="DROP FUNCTION announce_release"),
    ]
