"""Failed actions of an endpoint are sent again; an endpoint is certified; failures of the last hours are counted."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import retivo.database.prefixed_id
from retivo.database.sql import InForce

# As it was until it waited for nobody.
COUNT_ENDPOINTS = """\
CREATE OR REPLACE FUNCTION count_endpoints(OUT changed int)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
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
             WHERE l.n < 50000
        ), waits AS (
            SELECT l.tenant_id, l.action_type_id, each.revision FROM lane l CROSS JOIN LATERAL (
                SELECT a.revision FROM public.delivery_action a
                 WHERE a.tenant_id = l.tenant_id AND a.action_type_id = l.action_type_id
                   AND a.status IN ('pending', 'dispatched') AND a.expires_at > now()
                 LIMIT 10000
            ) each
             LIMIT 200000
        ), failed AS (
            SELECT a.tenant_id, a.action_type_id, a.revision, a.failure_reason FROM public.delivery_action a
             WHERE a.status = 'failed' AND a.expires_at > now() ORDER BY a.expires_at LIMIT 200000
        ), of_lane AS (
            SELECT tenant_id, action_type_id, revision, count(*) AS waiting FROM waits GROUP BY 1, 2, 3
            UNION ALL
            SELECT tenant_id, action_type_id, revision, 0 FROM failed
             WHERE failure_reason IN ('attempts_exhausted', 'endpoint_gone', 'internal_error') GROUP BY 1, 2, 3
        ), counted AS MATERIALIZED (
            SELECT t.partner_id AS tenant_id,
                   md5(t.partner_id::text || coalesce(m.delivery_webhook, t.delivery_webhook))::uuid AS id,
                   sum(l.waiting)::int AS waiting, count(DISTINCT l.tenant_id)::int AS customers
              FROM of_lane l
              JOIN public.integrations_actiontype t ON t.tenant_id = l.tenant_id AND t.id = l.action_type_id
              LEFT JOIN public.integrations_revisiontemplate m
                ON m.integration_id = t.integration_id AND m.name = t.name
                AND m.revision = coalesce(l.revision, t.revision)
             WHERE t.partner_id IS NOT NULL GROUP BY 1, 2
        ), known AS (
            SELECT c.tenant_id, c.id FROM counted c
            UNION
            SELECT e.tenant_id, e.id FROM public.delivery_endpoint e WHERE e.waiting > 0 OR e.customers_affected > 0
        )
        UPDATE public.delivery_endpoint e
           SET waiting = coalesce(c.waiting, 0), customers_affected = coalesce(c.customers, 0), counted_at = now()
          FROM known k LEFT JOIN counted c ON c.tenant_id = k.tenant_id AND c.id = k.id
         WHERE e.tenant_id = k.tenant_id AND e.id = k.id
           AND (e.waiting, e.customers_affected) IS DISTINCT FROM (coalesce(c.waiting, 0), coalesce(c.customers, 0));
        GET DIAGNOSTICS changed = ROW_COUNT;
    END
    $$;

REVOKE ALL ON FUNCTION count_endpoints FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_endpoints TO app_worker;
"""


# As it was until one recovery's fault left the others alone.
RECOVER_ACTIONS = """\
CREATE OR REPLACE FUNCTION recover_actions(most int, pause interval)
    RETURNS TABLE (tenant_id uuid, recovery_id text, is_stopped boolean)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    #variable_conflict use_column
    DECLARE
        job record;
        batch record;
    BEGIN
        FOR job IN
            SELECT r.*, e.disabled_at FROM public.delivery_recovery r
              JOIN public.delivery_endpoint e ON e.tenant_id = r.tenant_id AND e.id = r.endpoint_id
             WHERE r.status = 'running' AND r.due_at <= now() ORDER BY r.due_at LIMIT 16
               FOR NO KEY UPDATE OF r SKIP LOCKED
        LOOP
            IF job.disabled_at IS NOT NULL THEN
                RETURN QUERY SELECT job.tenant_id, job.id::text, true;
                CONTINUE;
            END IF;
            WITH looked AS MATERIALIZED (
                SELECT a.tenant_id, a.id, a.action_type_id, a.revision, a.expires_at, a.created_at, a.failure_reason
                  FROM public.delivery_action a
                 WHERE a.status = 'failed' AND a.expires_at > now()
                   AND (a.expires_at, a.id) > (coalesce(job.place_expires_at, '-infinity'), job.place_action_id)
                 ORDER BY a.expires_at, a.id LIMIT 5000
            ), matching AS MATERIALIZED (
                SELECT l.* FROM looked l
                  JOIN public.integrations_actiontype t ON t.tenant_id = l.tenant_id AND t.id = l.action_type_id
                  LEFT JOIN public.integrations_revisiontemplate m
                    ON m.integration_id = t.integration_id AND m.name = t.name
                    AND m.revision = coalesce(l.revision, t.revision)
                  JOIN public.integrations_integrationshare s
                    ON s.tenant_id = l.tenant_id AND s.integration_id = t.integration_id AND s.ended_at IS NULL
                  JOIN public.tenants_tenant c ON c.id = l.tenant_id AND c.plan_status <> 'deleting'
                 WHERE t.partner_id = job.tenant_id
                   AND job.endpoint_id
                       = md5(job.tenant_id::text || coalesce(m.delivery_webhook, t.delivery_webhook))::uuid
                   AND l.failure_reason IN ('attempts_exhausted', 'endpoint_gone', 'internal_error')
                   AND l.created_at >= job.since AND (job.until IS NULL OR l.created_at < job.until)
                 ORDER BY l.expires_at, l.id LIMIT most
            ), locked AS (
                SELECT a.tenant_id, a.id FROM public.delivery_action a
                  JOIN matching m ON m.tenant_id = a.tenant_id AND m.id = a.id
                 -- By the index of ids, whatever the planner takes the tables to hold.
                 WHERE a.id = ANY (ARRAY(SELECT n.id FROM matching n)) AND a.status = 'failed'
                   FOR NO KEY UPDATE OF a SKIP LOCKED
            ), replayed AS (
                UPDATE public.delivery_action a
                   SET status = 'pending', due_at = now(), leased_until = NULL, failure_reason = '',
                       replayed_from = a.attempts
                  FROM locked l
                 WHERE a.id = ANY (ARRAY(SELECT n.id FROM locked n)) AND a.tenant_id = l.tenant_id AND a.id = l.id
                RETURNING 1
            ), reached AS (
                -- Behind a full batch there may be more of what was looked at.
                (SELECT m.expires_at, m.id FROM matching m WHERE (SELECT count(*) FROM matching) = most
                  ORDER BY 1 DESC, 2 DESC LIMIT 1)
                UNION ALL
                (SELECT l.expires_at, l.id FROM looked l WHERE (SELECT count(*) FROM matching) < most
                  ORDER BY 1 DESC, 2 DESC LIMIT 1)
            )
            SELECT (SELECT count(*) FROM replayed)::int AS replayed,
                   (SELECT u.expires_at FROM reached u) AS expires_at, (SELECT u.id FROM reached u) AS action_id,
                   (SELECT count(*) FROM looked) < 5000 AND (SELECT count(*) FROM matching) < most AS is_last
              INTO batch;
            UPDATE public.delivery_recovery r
               SET replayed = r.replayed + batch.replayed, due_at = clock_timestamp() + pause,
                   place_expires_at = coalesce(batch.expires_at, r.place_expires_at),
                   place_action_id = coalesce(batch.action_id, r.place_action_id)
             WHERE r.id = job.id;
            IF batch.replayed > 0 THEN
                PERFORM pg_notify('retivo_actions', '');
            END IF;
            IF batch.is_last THEN
                RETURN QUERY SELECT job.tenant_id, job.id::text, false;
            END IF;
        END LOOP;
    END
    $$;

REVOKE ALL ON FUNCTION recover_actions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recover_actions TO app_worker;
"""


# As it was until partners could be deleted meanwhile.
CLAIM_CERTIFICATIONS = """\
CREATE OR REPLACE FUNCTION claim_certifications(wanted int, lease_seconds int)
    RETURNS TABLE (tenant_id uuid, certification_id text)
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    UPDATE public.delivery_certification c
       SET leased_until = clock_timestamp() + make_interval(secs => lease_seconds)
     WHERE c.id IN (
        SELECT w.id FROM public.delivery_certification w
         WHERE w.status = 'running' AND (w.leased_until IS NULL OR w.leased_until <= clock_timestamp())
         ORDER BY w.created_at, w.id LIMIT wanted FOR NO KEY UPDATE SKIP LOCKED
     )
    RETURNING c.tenant_id, c.id::text
    $$;

REVOKE ALL ON FUNCTION claim_certifications FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_certifications TO app_worker;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0030_status_of_endpoints"),
        ("integrations", "0016_versions_of_secrets"),
    ]

    operations = [
        migrations.CreateModel(
            name="Certification",
            fields=[
                (
                    "id",
                    models.CharField(
                        db_default=retivo.database.prefixed_id.PrefixedId(prefix="crt"),
                        editable=False,
                        max_length=40,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("endpoint_id", models.UUIDField()),
                ("secret_version", models.IntegerField()),
                ("revision", models.IntegerField(help_text="The newest of the integration that sends there")),
                (
                    "status",
                    models.CharField(
                        choices=[("running", "Running"), ("passed", "Passed"), ("failed", "Failed")],
                        db_default="running",
                        max_length=8,
                    ),
                ),
                (
                    "report",
                    models.JSONField(
                        db_default=models.Value([], models.JSONField()), help_text="What each check saw, in order"
                    ),
                ),
                ("leased_until", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "integration",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="integrations.partnerintegration",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="EndpointHour",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant", "endpoint_id", "hour", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("endpoint_id", models.UUIDField()),
                ("hour", models.DateTimeField()),
                ("failed", models.IntegerField()),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Recovery",
            fields=[
                (
                    "id",
                    models.CharField(
                        db_default=retivo.database.prefixed_id.PrefixedId(prefix="rcv"),
                        editable=False,
                        max_length=40,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("endpoint_id", models.UUIDField()),
                ("since", models.DateTimeField(help_text="Actions dispatched from then on")),
                ("until", models.DateTimeField(help_text="And before then", null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[("running", "Running"), ("completed", "Completed"), ("stopped", "Stopped")],
                        db_default="running",
                        max_length=16,
                    ),
                ),
                ("actions", models.IntegerField(help_text="That could be replayed when it began")),
                ("customers", models.IntegerField(help_text="Whose those were")),
                ("replayed", models.IntegerField(db_default=0)),
                ("place_expires_at", models.DateTimeField(editable=False, null=True)),
                ("place_action_id", models.CharField(blank=True, db_default="", editable=False, max_length=40)),
                (
                    "due_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        help_text="Of its next batch",
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="certification",
            index=models.Index(
                models.F("created_at"),
                models.F("id"),
                condition=models.Q(("status", "running")),
                name="certification_waits",
            ),
        ),
        migrations.AddIndex(
            model_name="certification",
            index=models.Index(
                models.F("tenant"),
                models.F("endpoint_id"),
                models.F("integration"),
                models.F("created_at"),
                name="certification_of_endpoint",
            ),
        ),
        migrations.AddConstraint(
            model_name="certification",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "running")),
                fields=("tenant", "endpoint_id", "integration"),
                name="certification_one_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="certification",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("finished_at", None), ("status", "running")),
                    models.Q(("finished_at__isnull", False), ("status__in", ["passed", "failed"])),
                    _connector="OR",
                ),
                name="certification_finished_by_status",
            ),
        ),
        migrations.AddIndex(
            model_name="recovery",
            index=models.Index(models.F("due_at"), condition=models.Q(("status", "running")), name="recovery_due"),
        ),
        migrations.AddConstraint(
            model_name="recovery",
            constraint=models.UniqueConstraint(
                fields=("tenant", "endpoint_id", "since", "until"), name="recovery_of_window", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="recovery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("finished_at", None), ("status", "running")),
                    models.Q(("finished_at__isnull", False), ("status__in", ["completed", "stopped"])),
                    _connector="OR",
                ),
                name="recovery_finished_by_status",
            ),
        ),
        migrations.RunSQL(
            sql=[
                """
                ALTER TABLE delivery_recovery ADD CONSTRAINT recovery_of_own_endpoint
                FOREIGN KEY (tenant_id, endpoint_id) REFERENCES delivery_endpoint (tenant_id, id) ON DELETE CASCADE
                """,
                """
                ALTER TABLE delivery_certification ADD CONSTRAINT certification_of_own_endpoint
                FOREIGN KEY (tenant_id, endpoint_id) REFERENCES delivery_endpoint (tenant_id, id) ON DELETE CASCADE
                """,
                """
                ALTER TABLE delivery_certification ADD CONSTRAINT certification_of_secret
                FOREIGN KEY (integration_id, secret_version)
                REFERENCES integrations_secretversion (integration_id, version) ON DELETE CASCADE
                """,
                """
                ALTER TABLE delivery_certification ADD CONSTRAINT certification_of_revision
                FOREIGN KEY (integration_id, revision)
                REFERENCES integrations_revision (integration_id, number) ON DELETE CASCADE
                """,
            ],
            reverse_sql=[
                "ALTER TABLE delivery_certification DROP CONSTRAINT certification_of_revision",
                "ALTER TABLE delivery_certification DROP CONSTRAINT certification_of_secret",
                "ALTER TABLE delivery_certification DROP CONSTRAINT certification_of_own_endpoint",
                "ALTER TABLE delivery_recovery DROP CONSTRAINT recovery_of_own_endpoint",
            ],
        ),
        InForce(
            "delivery",
            "delivery_endpointhour",
            digest="329ce752f830",
            reverse_sql=[
                "DROP POLICY staff ON delivery_endpointhour",
                "DROP POLICY tenant_isolation ON delivery_endpointhour",
            ],
        ),
        InForce(
            "delivery",
            "delivery_recovery",
            digest="c18172cc6d6d",
            reverse_sql=["DROP POLICY staff ON delivery_recovery", "DROP POLICY tenant_isolation ON delivery_recovery"],
        ),
        InForce(
            "delivery",
            "delivery_certification",
            digest="8062d7da064a",
            reverse_sql=[
                "DROP POLICY staff ON delivery_certification",
                "DROP POLICY tenant_isolation ON delivery_certification",
            ],
        ),
        InForce("delivery", "certified_at", digest="e0dc164cb17a", reverse_sql="DROP FUNCTION certified_at"),
        migrations.RunSQL(sql=[CLAIM_CERTIFICATIONS], reverse_sql="DROP FUNCTION claim_certifications"),
        migrations.RunSQL(sql=[COUNT_ENDPOINTS], reverse_sql="DROP FUNCTION count_endpoints"),
        InForce(
            "delivery", "recoverable_actions", digest="a110eda878ec", reverse_sql="DROP FUNCTION recoverable_actions"
        ),
        migrations.RunSQL(sql=[RECOVER_ACTIONS], reverse_sql="DROP FUNCTION recover_actions"),
    ]
