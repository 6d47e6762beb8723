"""What is held back is not leased, and slow endpoints have a share of a worker's places, not all of them.

A lane, a tenant's action type, is held while its tenant's kill switch or its partner's is on, in shadow mode, while its
plan is suspended, and while its integration is switched off. Lanes that are held, whose endpoint has no room or whose
circuit is open are passed over where the lanes are found, one look at each whatever its backlog: they take no place
from those behind them.
"""

from importlib import import_module

from django.db import migrations, models

# A lane that has nothing due yet is one look at the index. So is a jump to the next one.
_LANES = """
    (SELECT a.tenant_id, a.action_type_id FROM public.delivery_action a
      WHERE a.status IN ('pending', 'dispatched') {first} ORDER BY 1, 2 LIMIT 1)
    UNION ALL
    SELECT n.tenant_id, n.action_type_id FROM {name} l CROSS JOIN LATERAL (
        SELECT a.tenant_id, a.action_type_id FROM public.delivery_action a
         WHERE a.status IN ('pending', 'dispatched')
           AND (a.tenant_id, a.action_type_id) > (l.tenant_id, l.action_type_id) {bound}
         ORDER BY 1, 2 LIMIT 1
    ) n
"""
_AFTER = _LANES.format(name="after", first="AND a.tenant_id > start", bound="")
_BEFORE = _LANES.format(name="before", first="AND a.tenant_id <= start", bound="AND a.tenant_id <= start")

# What is `LATERAL (… LIMIT 1)` is read by its key, lane by lane, and for no more lanes than are taken.
_CLAIM = f"""
    CREATE FUNCTION claim_actions(
        wanted int, per_endpoint int, slow_wanted int, per_slow_endpoint int, lease_seconds int, slow_seconds float8
    )
    RETURNS TABLE (tenant_id uuid, action_id text, is_failing boolean, is_slow boolean, is_gone boolean)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
    #variable_conflict use_column
    DECLARE
        start uuid := gen_random_uuid();
        moment timestamptz;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('retivo.claim_actions'));
        moment := clock_timestamp();
        RETURN QUERY
        WITH RECURSIVE after AS ({_AFTER}), before AS ({_BEFORE}),
        busy AS MATERIALIZED (
            SELECT coalesce(t.partner_id, t.tenant_id) AS owner_id,
                   md5(coalesce(t.partner_id, t.tenant_id)::text || t.delivery_webhook)::uuid AS endpoint_id,
                   count(*) AS n,
                   bool_or(a.leased_until < moment + make_interval(secs => lease_seconds - slow_seconds)) AS is_slow
              FROM public.delivery_action a
              JOIN public.integrations_actiontype t ON t.tenant_id = a.tenant_id AND t.id = a.action_type_id
             WHERE a.leased_until > moment GROUP BY 1, 2
        ), lane AS MATERIALIZED (
            SELECT l.tenant_id, l.action_type_id, o.owner_id, o.endpoint_id, s.is_failing, s.is_slow, s.is_gone, s.room
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
                  LEFT JOIN public.tenants_tenant p ON p.id = c.parent_id
                  LEFT JOIN public.integrations_partnerintegration i ON i.id = t.integration_id
                 WHERE t.tenant_id = l.tenant_id AND t.id = l.action_type_id
                   AND c.plan_status <> 'suspended' AND NOT c.kill_switch_active AND NOT c.shadow_mode
                   AND p.kill_switch_active IS NOT TRUE AND i.active IS NOT FALSE
                 LIMIT 1
             ) o
              LEFT JOIN busy b ON b.owner_id = o.owner_id AND b.endpoint_id = o.endpoint_id
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
                END AS room
             ) s
             WHERE s.room > 0
               AND (s.is_gone
                    OR (e.open_until IS NULL OR e.open_until <= moment) AND (NOT s.is_slow OR slow_wanted > 0))
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
            SELECT p.*, row_number() OVER (PARTITION BY p.is_slow AND NOT p.is_gone ORDER BY p.turn) AS slow_place
              FROM placed p WHERE p.place <= p.room
        ), chosen AS (
            SELECT * FROM shared s
             WHERE NOT s.is_slow OR s.is_gone OR s.slow_place <= slow_wanted ORDER BY s.turn LIMIT wanted
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
    $$
"""

_BEFORE_THIS = import_module("delivery.migrations.0003_claim_actions")._CLAIM

_RIGHTS = [
    "REVOKE ALL ON FUNCTION claim_actions FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION claim_actions TO app_rt",
]

_REASONS = [
    ("attempts_exhausted", "Attempts Exhausted"),
    ("endpoint_gone", "Endpoint Gone"),
    ("invalid_parameters", "Invalid Parameters"),
    ("action_type_inactive", "Action Type Inactive"),
    ("user_opted_out", "User Opted Out"),
    ("internal_error", "Internal Error"),
]


class Migration(migrations.Migration):
    dependencies = [("delivery", "0005_staff_pages"), ("tenants", "0004_switches")]

    operations = [
        migrations.AddField(
            "endpoint",
            "slow_since",
            models.DateTimeField(help_text="It has taken longer than it may since then", null=True),
        ),
        migrations.AddField("endpointrow", "slow_since", models.DateTimeField(null=True)),
        migrations.AlterField(
            "action", "failure_reason", models.CharField(blank=True, choices=_REASONS, max_length=32)
        ),
        migrations.AlterField("actionrow", "failure_reason", models.CharField(choices=_REASONS, max_length=32)),
        migrations.RunSQL(
            sql=["DROP FUNCTION claim_actions", _CLAIM, *_RIGHTS],
            reverse_sql=["DROP FUNCTION claim_actions", _BEFORE_THIS, *_RIGHTS],
        ),
    ]
