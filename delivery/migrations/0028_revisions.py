"""An action keeps the revision of its integration that it was decided under; it is sent as that one says.

The column is added to the catalogue alone. Actions without one, as the release before makes them, go by their type.
"""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_before = import_module("delivery.migrations.0026_deletions")

# As they were until much was bounded.
CANCEL_ACTIONS_OF_SHARE = """\
-- Cancels up to `most` queued actions of an integration of the partner in context, which it took from a customer, and
-- returns how many. Runs with its owner's rights, because a partner sees no action of its customers.
--
-- What is in flight cannot be called back. If its receiver took it, it counts as delivered.
CREATE OR REPLACE FUNCTION cancel_actions_of_share(integration uuid, customer uuid, most int) RETURNS int
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH chosen AS MATERIALIZED (
            SELECT a.id
              FROM public.integrations_integrationshare s
              JOIN public.integrations_actiontype t
                ON t.tenant_id = s.tenant_id AND t.integration_id = s.integration_id
              JOIN public.delivery_action a
                ON a.tenant_id = t.tenant_id AND a.action_type_id = t.id AND a.status IN ('pending', 'dispatched')
             WHERE s.tenant_id = customer AND s.integration_id = integration
               AND s.partner_id = public.current_tenant() AND s.ended_at IS NOT NULL
             ORDER BY a.id LIMIT most FOR NO KEY UPDATE OF a
        ), cancelled AS (
            UPDATE public.delivery_action a SET status = 'failed', failure_reason = 'integration_unshared'
              FROM chosen c WHERE a.tenant_id = customer AND a.id = c.id
            RETURNING 1
        )
        SELECT count(*)::int FROM cancelled
    $$;

REVOKE ALL ON FUNCTION cancel_actions_of_share FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cancel_actions_of_share TO app_web;
"""
FATE_OF_ROLLOUT = """\
-- What became of actions that were decided under the revision of a roll-out of the partner in context, for customers
-- that it moved: how many were tried, and how many of them failed so far. An attempt that is under way is none yet.
--
-- Runs with its owner's rights, because a partner sees no action of its customers. Of each customer it looks at the
-- newest 100 actions, and at 20,000 in all, so that it costs a fraction of a second at most.
CREATE OR REPLACE FUNCTION fate_of_rollout(rollout text, OUT tried int, OUT failed int)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT count(*)::int, (count(*) FILTER (WHERE x.failed))::int
          FROM (
            SELECT x.failed
              FROM public.integrations_rollout r
              JOIN public.integrations_rolloutcustomer c
                ON c.rollout_id = r.id AND c.moved_at IS NOT NULL AND c.returned_at IS NULL
             CROSS JOIN LATERAL (
                SELECT a.status NOT IN ('delivered', 'completed') AS failed
                  FROM public.delivery_action a
                  JOIN public.integrations_actiontype t ON t.tenant_id = a.tenant_id AND t.id = a.action_type_id
                 WHERE a.tenant_id = c.tenant_id AND a.created_at >= r.created_at AND a.revision = r.revision
                   AND t.integration_id = r.integration_id AND a.attempts > 0 AND a.leased_until IS NULL
                 ORDER BY a.created_at DESC LIMIT 100
             ) x
             WHERE r.id = fate_of_rollout.rollout AND r.tenant_id = public.current_tenant()
             LIMIT 20000
          ) x
    $$;

REVOKE ALL ON FUNCTION fate_of_rollout FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fate_of_rollout TO app_worker;
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0027_changes_that_count"), ("integrations", "0014_revision_of_action_types")]

    operations = [
        migrations.AddField(
            model_name="action",
            name="revision",
            field=models.IntegerField(null=True, help_text="Of its integration, when it was decided"),
        ),
        InForce(
            "delivery",
            "keep_revision",
            digest="d3cbe0a65b86",
            reverse_sql=["DROP TRIGGER revision_kept ON delivery_action", "DROP FUNCTION keep_revision"],
        ),
        InForce("delivery", "claim_actions", digest="22aa5946c792", reverse_sql=[_before.CLAIM]),
        InForce("delivery", "delivery_backlog", digest="d41a3cb3bc5a", reverse_sql=[_before.BACKLOG]),
        migrations.RunSQL(
            sql=[CANCEL_ACTIONS_OF_SHARE],
            reverse_sql="DROP FUNCTION cancel_actions_of_share",
        ),
        migrations.RunSQL(sql=[FATE_OF_ROLLOUT], reverse_sql="DROP FUNCTION fate_of_rollout"),
    ]
