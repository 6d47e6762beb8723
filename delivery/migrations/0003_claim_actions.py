"""What the worker may do across tenants: lease what is due, and expire what is late. They tell identifiers and counts.

`claim_actions` takes turns under a lock, so that the bound on an endpoint holds over all workers on all hosts. It walks
the lanes, a tenant's action type each, by jumps in the index `action_due`; beginning at a random tenant, so that none
waits for those before it. Tenants take turns within a claim, whatever their backlogs.
"""

from django.db import migrations

from retivo.database.sql import InForce

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

_CLAIM = f"""
    CREATE FUNCTION claim_actions(wanted int, per_endpoint int, lease_seconds int)
    RETURNS TABLE (tenant_id uuid, action_id text, is_failing boolean, is_gone boolean)
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
        lane AS MATERIALIZED (
            SELECT l.tenant_id, l.action_type_id FROM (SELECT * FROM after UNION ALL SELECT * FROM before) l
             WHERE (SELECT a.due_at FROM public.delivery_action a
                     WHERE a.tenant_id = l.tenant_id AND a.action_type_id = l.action_type_id
                       AND a.status IN ('pending', 'dispatched') ORDER BY a.due_at LIMIT 1) <= moment
             LIMIT 64
        ), busy AS (
            SELECT coalesce(t.partner_id, t.tenant_id) AS owner_id,
                   md5(coalesce(t.partner_id, t.tenant_id)::text || t.delivery_webhook)::uuid AS endpoint_id,
                   count(*) AS n
              FROM public.delivery_action a
              JOIN public.integrations_actiontype t ON t.tenant_id = a.tenant_id AND t.id = a.action_type_id
             WHERE a.leased_until > moment GROUP BY 1, 2
        ), open AS (
            SELECT l.tenant_id, l.action_type_id, e.owner_id, e.endpoint_id, s.disabled_at IS NOT NULL AS is_gone,
                   s.consecutive_failures > 0 AS is_failing,
                   CASE WHEN s.disabled_at IS NOT NULL THEN wanted
                        ELSE CASE WHEN s.openings > 0 THEN 1 ELSE per_endpoint END - coalesce(b.n, 0) END AS room
              FROM lane l
              JOIN public.integrations_actiontype t ON t.tenant_id = l.tenant_id AND t.id = l.action_type_id
              JOIN public.tenants_tenant c ON c.id = l.tenant_id AND c.plan_status <> 'suspended'
             CROSS JOIN LATERAL (
                SELECT coalesce(t.partner_id, t.tenant_id) AS owner_id,
                   md5(coalesce(t.partner_id, t.tenant_id)::text || t.delivery_webhook)::uuid AS endpoint_id
             ) e
              LEFT JOIN busy b ON b.owner_id = e.owner_id AND b.endpoint_id = e.endpoint_id
              LEFT JOIN public.delivery_endpoint s ON s.tenant_id = e.owner_id AND s.id = e.endpoint_id
             WHERE s.disabled_at IS NOT NULL OR s.open_until IS NULL OR s.open_until <= moment
        ), candidate AS (
            SELECT o.*, d.id, row_number() OVER (PARTITION BY o.tenant_id ORDER BY d.due_at) AS turn
              FROM open o CROSS JOIN LATERAL (
                SELECT a.id, a.due_at FROM public.delivery_action a
                 WHERE a.tenant_id = o.tenant_id AND a.action_type_id = o.action_type_id
                   AND a.status IN ('pending', 'dispatched') AND a.due_at <= moment AND a.expires_at > moment
                 ORDER BY a.due_at LIMIT greatest(o.room, 0)
              ) d
        ), ranked AS (
            SELECT c.*, row_number() OVER (PARTITION BY c.owner_id, c.endpoint_id ORDER BY c.turn) AS place
              FROM candidate c
        ), chosen AS (
            SELECT * FROM ranked r WHERE r.place <= r.room ORDER BY r.turn LIMIT wanted
        ), locked AS (
            SELECT a.tenant_id, a.id, c.is_failing, c.is_gone
              FROM public.delivery_action a JOIN chosen c ON c.tenant_id = a.tenant_id AND c.id = a.id
             WHERE a.status IN ('pending', 'dispatched') AND a.due_at <= moment
               FOR NO KEY UPDATE OF a SKIP LOCKED
        )
        UPDATE public.delivery_action a
           SET status = 'dispatched', attempts = a.attempts + 1,
               leased_until = moment + make_interval(secs => lease_seconds),
               due_at = moment + make_interval(secs => lease_seconds)
          FROM locked l WHERE a.tenant_id = l.tenant_id AND a.id = l.id
        RETURNING a.tenant_id, a.id::text, l.is_failing, l.is_gone;
    END
    $$
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0002_isolation")]

    operations = [
        migrations.RunSQL(
            sql=[
                _CLAIM,
                "REVOKE ALL ON FUNCTION claim_actions FROM PUBLIC",
                "GRANT EXECUTE ON FUNCTION claim_actions TO app_rt",
            ],
            reverse_sql="DROP FUNCTION claim_actions",
        ),
        InForce("delivery", "expire_actions", digest="88c996b52137", reverse_sql="DROP FUNCTION expire_actions"),
    ]
