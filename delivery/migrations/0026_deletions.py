"""Nothing is sent for a tenant that is being deleted."""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_controls = import_module("delivery.migrations.0023_controls")
_webhooks = import_module("delivery.migrations.0024_partner_webhooks")

_REASONS = [
    ("attempts_exhausted", "Attempts Exhausted"),
    ("endpoint_gone", "Endpoint Gone"),
    ("invalid_parameters", "Invalid Parameters"),
    ("parameters_too_costly", "Parameters Too Costly"),
    ("action_type_inactive", "Action Type Inactive"),
    ("user_opted_out", "User Opted Out"),
    ("tenant_deleting", "Tenant Deleting"),
    ("internal_error", "Internal Error"),
]


# As they were until integrations had revisions.
CLAIM = """\
-- Leases due actions of all tenants to a worker. Returns their ids, and whether their endpoint is failing, slow or
-- gone.
--
-- A lane is the actions of one action type of one tenant. The function finds the lanes by jumping through the index
-- `action_due`: getting to the next lane costs one look-up in the index, and so does a lane in which nothing is due. It
-- starts at a random tenant, so that no tenant always waits for those before it: `after` holds the lanes of the tenants
-- that follow, `before` the others. Within a claim, tenants take turns, however long their backlogs are. A lock lets
-- only one claim run at a time, so that the limits per endpoint hold across all workers on all hosts.
--
-- A lane is held while its tenant is being deleted, while any layer holds its tenant or the tenant's partner, while its integration is switched off, and while the partner
-- holds the integration or the action type. Lanes that are held, whose endpoint has no room or
-- whose circuit is open are skipped while lanes are being collected, at the cost of one look-up each, so they take no
-- place from other lanes. Slow endpoints get at most `slow_wanted` of a worker's places. The owner of many endpoints
-- gets at most four times what one of them gets, about half of the places that are free, for each worker: of those for
-- slow endpoints, and of the others. So there is a place for others, however many of its endpoints keep silent. A
-- request that turns out to take long counts in both.
--
-- Each `LATERAL (… LIMIT 1)` makes the planner read by key, lane by lane, for no more lanes than are taken.
CREATE OR REPLACE FUNCTION claim_actions(
    wanted int, per_endpoint int, slow_wanted int, per_slow_endpoint int, lease_seconds int, slow_seconds float8
)
    RETURNS TABLE (tenant_id uuid, action_id text, is_failing boolean, is_slow boolean, is_gone boolean)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    #variable_conflict use_column
    DECLARE
        start uuid := gen_random_uuid();
        moment timestamptz;
        workers int;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('retivo.claim_actions'));
        moment := clock_timestamp();
        workers := greatest(1, (
            SELECT count(*) FROM public.tenants_workerprocess w WHERE w.seen_at > moment - interval '1 minute'
        ));
        RETURN QUERY
        WITH RECURSIVE after AS (
            (SELECT a.tenant_id, a.action_type_id FROM public.delivery_action a
              WHERE a.status IN ('pending', 'dispatched') AND a.tenant_id > start ORDER BY 1, 2 LIMIT 1)
            UNION ALL
            SELECT n.tenant_id, n.action_type_id FROM after l CROSS JOIN LATERAL (
                SELECT a.tenant_id, a.action_type_id FROM public.delivery_action a
                 WHERE a.status IN ('pending', 'dispatched')
                   AND (a.tenant_id, a.action_type_id) > (l.tenant_id, l.action_type_id)
                 ORDER BY 1, 2 LIMIT 1
            ) n
        ), before AS (
            (SELECT a.tenant_id, a.action_type_id FROM public.delivery_action a
              WHERE a.status IN ('pending', 'dispatched') AND a.tenant_id <= start ORDER BY 1, 2 LIMIT 1)
            UNION ALL
            SELECT n.tenant_id, n.action_type_id FROM before l CROSS JOIN LATERAL (
                SELECT a.tenant_id, a.action_type_id FROM public.delivery_action a
                 WHERE a.status IN ('pending', 'dispatched')
                   AND (a.tenant_id, a.action_type_id) > (l.tenant_id, l.action_type_id) AND a.tenant_id <= start
                 ORDER BY 1, 2 LIMIT 1
            ) n
        ), busy AS MATERIALIZED (
            SELECT coalesce(t.partner_id, t.tenant_id) AS owner_id,
                   md5(coalesce(t.partner_id, t.tenant_id)::text || t.delivery_webhook)::uuid AS endpoint_id,
                   count(*) AS n,
                   bool_or(a.leased_until < moment + make_interval(secs => lease_seconds - slow_seconds)) AS is_slow
              FROM public.delivery_action a
              JOIN public.integrations_actiontype t ON t.tenant_id = a.tenant_id AND t.id = a.action_type_id
             WHERE a.leased_until > moment GROUP BY 1, 2
        ), busy_owner AS MATERIALIZED (
            SELECT b.owner_id, coalesce(sum(b.n) FILTER (WHERE e.slow_since IS NULL), 0)::int AS n,
                   coalesce(sum(b.n) FILTER (WHERE e.slow_since IS NOT NULL OR b.is_slow), 0)::int AS slow
              FROM busy b LEFT JOIN public.delivery_endpoint e ON e.tenant_id = b.owner_id AND e.id = b.endpoint_id
             GROUP BY 1
        ), lane AS MATERIALIZED (
            SELECT l.tenant_id, l.action_type_id, o.owner_id, o.endpoint_id, s.is_failing, s.is_slow, s.is_gone, s.room,
                   s.owners_room
              FROM (SELECT * FROM after UNION ALL SELECT * FROM before) l
             CROSS JOIN LATERAL (
                SELECT 1 FROM public.delivery_action a
                 WHERE a.tenant_id = l.tenant_id AND a.action_type_id = l.action_type_id
                   AND a.status IN ('pending', 'dispatched') AND a.due_at <= moment AND a.expires_at > moment
                 ORDER BY a.due_at LIMIT 1
             ) due
             CROSS JOIN LATERAL (
                SELECT coalesce(t.partner_id, t.tenant_id) AS owner_id,
                       md5(coalesce(t.partner_id, t.tenant_id)::text || t.delivery_webhook)::uuid AS endpoint_id
                  FROM public.integrations_actiontype t
                  JOIN public.tenants_tenant c ON c.id = t.tenant_id
                  LEFT JOIN public.integrations_partnerintegration i ON i.id = t.integration_id
                 WHERE t.tenant_id = l.tenant_id AND t.id = l.action_type_id
                   AND c.delete_at IS NULL AND NOT EXISTS (
                       SELECT FROM public.tenants_control s
                       WHERE s.tenant_id IN (c.id, c.parent_id) AND public.holds(s)
                   )
                   AND i.active IS NOT FALSE AND NOT i.held ?| ARRAY['*', t.name] IS TRUE
                 LIMIT 1
             ) o
              LEFT JOIN busy b ON b.owner_id = o.owner_id AND b.endpoint_id = o.endpoint_id
              LEFT JOIN busy_owner w ON w.owner_id = o.owner_id
              LEFT JOIN LATERAL (
                SELECT e.disabled_at, e.open_until, e.openings, e.consecutive_failures, e.slow_since
                  FROM public.delivery_endpoint e
                 WHERE e.tenant_id = o.owner_id AND e.id = o.endpoint_id LIMIT 1
             ) e ON true
             CROSS JOIN LATERAL (
                SELECT e.disabled_at IS NOT NULL AS is_gone,
                       coalesce(e.consecutive_failures > 0, false) AS is_failing,
                       e.slow_since IS NOT NULL OR b.is_slow IS TRUE AS is_slow
             ) f
             CROSS JOIN LATERAL (
                SELECT f.*, CASE
                    WHEN f.is_gone THEN wanted
                    ELSE CASE WHEN e.openings > 0 THEN 1 WHEN f.is_slow THEN per_slow_endpoint ELSE per_endpoint END
                         - coalesce(b.n, 0)
                END AS room, CASE
                    WHEN f.is_slow THEN least(slow_wanted, 4 * per_slow_endpoint * workers - coalesce(w.slow, 0))
                    ELSE 4 * per_endpoint * workers - coalesce(w.n, 0)
                END AS owners_room
             ) s
             WHERE s.room > 0
               AND (s.is_gone OR (e.open_until IS NULL OR e.open_until <= moment) AND s.owners_room > 0)
             LIMIT 64
        ), candidate AS (
            SELECT l.*, d.id, row_number() OVER (PARTITION BY l.tenant_id ORDER BY d.due_at) AS turn
              FROM lane l CROSS JOIN LATERAL (
                SELECT a.id, a.due_at FROM public.delivery_action a
                 WHERE a.tenant_id = l.tenant_id AND a.action_type_id = l.action_type_id
                   AND a.status IN ('pending', 'dispatched') AND a.due_at <= moment AND a.expires_at > moment
                 ORDER BY a.due_at LIMIT l.room
              ) d
        ), placed AS (
            SELECT c.*, row_number() OVER (PARTITION BY c.owner_id, c.endpoint_id ORDER BY c.turn) AS place
              FROM candidate c
        ), shared AS (
            SELECT p.*,
                   row_number() OVER (PARTITION BY p.owner_id, p.is_slow, p.is_gone ORDER BY p.turn) AS owners_place
              FROM placed p WHERE p.place <= p.room
        ), allowed AS (
            SELECT s.*, row_number() OVER (PARTITION BY s.is_slow, s.is_gone ORDER BY s.turn) AS pace_place
              FROM shared s WHERE s.is_gone OR s.owners_place <= s.owners_room
        ), chosen AS (
            SELECT * FROM allowed a
             WHERE a.is_gone OR NOT a.is_slow OR a.pace_place <= slow_wanted
             ORDER BY a.turn LIMIT wanted
        ), locked AS (
            SELECT a.tenant_id, a.id, c.is_failing, c.is_slow, c.is_gone
              FROM public.delivery_action a JOIN chosen c ON c.tenant_id = a.tenant_id AND c.id = a.id
             WHERE a.status IN ('pending', 'dispatched') AND a.due_at <= moment
               FOR NO KEY UPDATE OF a SKIP LOCKED
        )
        UPDATE public.delivery_action a
           SET status = 'dispatched', attempts = a.attempts + 1,
               leased_until = moment + make_interval(secs => lease_seconds),
               due_at = moment + make_interval(secs => lease_seconds)
          FROM locked l WHERE a.tenant_id = l.tenant_id AND a.id = l.id
        RETURNING a.tenant_id, a.id::text, l.is_failing, l.is_slow, l.is_gone;
    END
    $$;

REVOKE ALL ON FUNCTION claim_actions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_actions TO app_worker;
"""  # noqa: E501

BACKLOG = """\
-- What waits to be sent, over all tenants, as sums alone, for whoever runs Retivo.
--
-- Returns, by state and status, how many actions there are and for how many seconds the oldest has been due. `due` is
-- what a worker would claim now, `blocked` waits for an endpoint whose circuit is open or that is gone, `held` is what
-- claim_actions holds (a tenant that is being deleted or that a layer holds, an integration that is off or held), and `leased` is being
-- sent. Expired actions are not counted.
--
-- As in claim_actions, lanes are found by jumping through the index `action_due`. The function
-- looks at 5,000 lanes at most, and counts 1,000 actions in each and 100,000 in all, so that it costs a fifth of a
-- second at most. Beyond that, counts are lower bounds.
CREATE OR REPLACE FUNCTION delivery_backlog()
    RETURNS TABLE (state text, status text, actions bigint, oldest_seconds float8)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    WITH RECURSIVE lane AS (
        (SELECT a.tenant_id, a.action_type_id, 1 AS n FROM public.delivery_action a
          WHERE a.status IN ('pending', 'dispatched') ORDER BY 1, 2 LIMIT 1)
        UNION ALL
        SELECT n.tenant_id, n.action_type_id, l.n + 1 FROM lane l CROSS JOIN LATERAL (
            SELECT a.tenant_id, a.action_type_id FROM public.delivery_action a
             WHERE a.status IN ('pending', 'dispatched')
               AND (a.tenant_id, a.action_type_id) > (l.tenant_id, l.action_type_id)
             ORDER BY 1, 2 LIMIT 1
        ) n
         WHERE l.n < 5000
    ), judged AS MATERIALIZED (
        SELECT l.tenant_id, l.action_type_id, first.status, first.due_at,
               CASE WHEN c.delete_at IS NOT NULL OR i.active IS FALSE OR i.held ?| ARRAY['*', t.name] OR EXISTS (
                        SELECT FROM public.tenants_control s
                        WHERE s.tenant_id IN (c.id, c.parent_id) AND public.holds(s)
                    ) THEN 'held'
                    WHEN e.open_until > now() OR e.disabled_at IS NOT NULL THEN 'blocked'
                    ELSE 'due' END AS state
          FROM lane l
         CROSS JOIN LATERAL (
            SELECT a.status, a.due_at FROM public.delivery_action a
             WHERE a.tenant_id = l.tenant_id AND a.action_type_id = l.action_type_id
               AND a.status IN ('pending', 'dispatched') AND a.due_at <= now() AND a.expires_at > now()
             ORDER BY a.due_at LIMIT 1
         ) first
          JOIN public.integrations_actiontype t ON t.tenant_id = l.tenant_id AND t.id = l.action_type_id
          JOIN public.tenants_tenant c ON c.id = t.tenant_id
          LEFT JOIN public.integrations_partnerintegration i ON i.id = t.integration_id
          LEFT JOIN public.delivery_endpoint e
            ON e.tenant_id = coalesce(t.partner_id, t.tenant_id)
           AND e.id = md5(coalesce(t.partner_id, t.tenant_id)::text || t.delivery_webhook)::uuid
    ), counted AS (
        SELECT j.state, each.status FROM judged j CROSS JOIN LATERAL (
            SELECT a.status FROM public.delivery_action a
             WHERE a.tenant_id = j.tenant_id AND a.action_type_id = j.action_type_id
               AND a.status IN ('pending', 'dispatched') AND a.due_at <= now() AND a.expires_at > now()
             LIMIT 1000
        ) each
         LIMIT 100000
    )
    SELECT c.state, c.status, c.n,
           (SELECT extract(epoch FROM now() - min(j.due_at)) FROM judged j
             WHERE j.state = c.state AND j.status = c.status)::float8
      FROM (SELECT state, status, count(*) AS n FROM counted GROUP BY 1, 2) c
    UNION ALL
    SELECT 'leased', a.status, count(*), NULL
      FROM public.delivery_action a WHERE a.leased_until > now() GROUP BY a.status
    $$;

REVOKE ALL ON FUNCTION delivery_backlog FROM PUBLIC;
GRANT EXECUTE ON FUNCTION delivery_backlog TO app_web;
"""  # noqa: E501


class Migration(migrations.Migration):
    dependencies = [("delivery", "0025_no_index_for_like"), ("tenants", "0035_deleting")]

    operations = [
        migrations.AlterField(
            model_name="action",
            name="failure_reason",
            field=models.CharField(blank=True, choices=_REASONS, max_length=32),
        ),
        migrations.AlterField(
            model_name="failurecount", name="reason", field=models.CharField(choices=_REASONS, max_length=32)
        ),
        migrations.AlterField(
            model_name="webhookdelivery",
            name="failure_reason",
            field=models.CharField(blank=True, choices=_REASONS, db_default="", max_length=32),
        ),
        migrations.RunSQL(sql=[CLAIM], reverse_sql=[_controls.CLAIM_ACTIONS]),
        migrations.RunSQL(sql=[BACKLOG], reverse_sql=[_controls.DELIVERY_BACKLOG]),
        InForce("delivery", "claim_deliveries", digest="31e4c480739e", reverse_sql=[_webhooks.CLAIM_DELIVERIES]),
        InForce("delivery", "cancel_actions", digest="193d1779d1cf", reverse_sql="DROP FUNCTION cancel_actions"),
    ]
