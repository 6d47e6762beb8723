"""A partner's events go to its webhooks, sent as actions are; failing actions are counted for it."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import retivo.database.prefixed_id
from retivo.database.sql import InForce

# As it was until tenants could be deleted by their partners.
CLAIM_DELIVERIES = """\
-- Leases due deliveries of events to a worker, for all webhooks. Returns their ids, and whether their endpoint is
-- failing or slow.
--
-- This is `claim_actions`, whose words it uses, with a webhook as a lane: lanes are found by jumping through the index
-- `webhook_delivery_due`, beginning at a random one, and take turns; one endpoint, slow endpoints and the owner of many
-- have the same bounds. A lane is held while its webhook is off, as it is after a 410, or its partner suspended. Events
-- have places of their own, so they take none from actions.
CREATE OR REPLACE FUNCTION claim_deliveries(
    wanted int, per_endpoint int, slow_wanted int, per_slow_endpoint int, lease_seconds int, slow_seconds float8
)
    RETURNS TABLE (tenant_id uuid, webhook_id text, event_id text, is_failing boolean, is_slow boolean)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    #variable_conflict use_column
    DECLARE
        start text := 'wh_' || md5(random()::text);
        moment timestamptz;
        workers int;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('retivo.claim_deliveries'));
        moment := clock_timestamp();
        workers := greatest(1, (
            SELECT count(*) FROM public.tenants_workerprocess w WHERE w.seen_at > moment - interval '1 minute'
        ));
        RETURN QUERY
        WITH RECURSIVE after AS (
            (SELECT d.webhook_id FROM public.delivery_webhookdelivery d
              WHERE d.status = 'pending' AND d.webhook_id > start ORDER BY 1 LIMIT 1)
            UNION ALL
            SELECT n.webhook_id FROM after l CROSS JOIN LATERAL (
                SELECT d.webhook_id FROM public.delivery_webhookdelivery d
                 WHERE d.status = 'pending' AND d.webhook_id > l.webhook_id ORDER BY 1 LIMIT 1
            ) n
        ), before AS (
            (SELECT d.webhook_id FROM public.delivery_webhookdelivery d
              WHERE d.status = 'pending' AND d.webhook_id <= start ORDER BY 1 LIMIT 1)
            UNION ALL
            SELECT n.webhook_id FROM before l CROSS JOIN LATERAL (
                SELECT d.webhook_id FROM public.delivery_webhookdelivery d
                 WHERE d.status = 'pending' AND d.webhook_id > l.webhook_id AND d.webhook_id <= start
                 ORDER BY 1 LIMIT 1
            ) n
        ), busy AS MATERIALIZED (
            SELECT w.tenant_id AS owner_id, md5(w.tenant_id::text || w.url)::uuid AS endpoint_id, count(*) AS n,
                   bool_or(d.leased_until < moment + make_interval(secs => lease_seconds - slow_seconds)) AS is_slow
              FROM public.delivery_webhookdelivery d JOIN public.delivery_webhook w ON w.id = d.webhook_id
             WHERE d.leased_until > moment GROUP BY 1, 2
        ), busy_owner AS MATERIALIZED (
            SELECT b.owner_id, coalesce(sum(b.n) FILTER (WHERE e.slow_since IS NULL), 0)::int AS n,
                   coalesce(sum(b.n) FILTER (WHERE e.slow_since IS NOT NULL OR b.is_slow), 0)::int AS slow
              FROM busy b LEFT JOIN public.delivery_endpoint e ON e.tenant_id = b.owner_id AND e.id = b.endpoint_id
             GROUP BY 1
        ), lane AS MATERIALIZED (
            SELECT l.webhook_id, o.owner_id, o.endpoint_id, s.is_failing, s.is_slow, s.room, s.owners_room
              FROM (SELECT * FROM after UNION ALL SELECT * FROM before) l
             CROSS JOIN LATERAL (
                SELECT 1 FROM public.delivery_webhookdelivery d
                 WHERE d.webhook_id = l.webhook_id AND d.status = 'pending' AND d.due_at <= moment
                 ORDER BY d.due_at LIMIT 1
             ) due
             CROSS JOIN LATERAL (
                SELECT w.tenant_id AS owner_id, md5(w.tenant_id::text || w.url)::uuid AS endpoint_id
                  FROM public.delivery_webhook w JOIN public.tenants_tenant t ON t.id = w.tenant_id
                 WHERE w.id = l.webhook_id AND w.active AND t.plan_status <> 'suspended' LIMIT 1
             ) o
              LEFT JOIN busy b ON b.owner_id = o.owner_id AND b.endpoint_id = o.endpoint_id
              LEFT JOIN busy_owner w ON w.owner_id = o.owner_id
              LEFT JOIN LATERAL (
                SELECT e.open_until, e.openings, e.consecutive_failures, e.slow_since
                  FROM public.delivery_endpoint e
                 WHERE e.tenant_id = o.owner_id AND e.id = o.endpoint_id LIMIT 1
             ) e ON true
             CROSS JOIN LATERAL (
                SELECT coalesce(e.consecutive_failures > 0, false) AS is_failing,
                       e.slow_since IS NOT NULL OR b.is_slow IS TRUE AS is_slow
             ) f
             CROSS JOIN LATERAL (
                SELECT f.*,
                    CASE WHEN e.openings > 0 THEN 1 WHEN f.is_slow THEN per_slow_endpoint ELSE per_endpoint END
                        - coalesce(b.n, 0) AS room, CASE
                    WHEN f.is_slow THEN least(slow_wanted, 4 * per_slow_endpoint * workers - coalesce(w.slow, 0))
                    ELSE 4 * per_endpoint * workers - coalesce(w.n, 0)
                END AS owners_room
             ) s
             WHERE s.room > 0 AND s.owners_room > 0 AND (e.open_until IS NULL OR e.open_until <= moment)
             LIMIT 64
        ), candidate AS (
            SELECT l.*, d.event_id, row_number() OVER (PARTITION BY l.webhook_id ORDER BY d.due_at) AS turn
              FROM lane l CROSS JOIN LATERAL (
                SELECT n.event_id, n.due_at FROM public.delivery_webhookdelivery n
                 WHERE n.webhook_id = l.webhook_id AND n.status = 'pending' AND n.due_at <= moment
                 ORDER BY n.due_at LIMIT l.room
              ) d
        ), placed AS (
            SELECT c.*, row_number() OVER (PARTITION BY c.owner_id, c.endpoint_id ORDER BY c.turn) AS place
              FROM candidate c
        ), shared AS (
            SELECT p.*,
                   row_number() OVER (PARTITION BY p.owner_id, p.is_slow ORDER BY p.turn) AS owners_place
              FROM placed p WHERE p.place <= p.room
        ), allowed AS (
            SELECT s.*, row_number() OVER (PARTITION BY s.is_slow ORDER BY s.turn) AS pace_place
              FROM shared s WHERE s.owners_place <= s.owners_room
        ), chosen AS (
            SELECT * FROM allowed a
             WHERE NOT a.is_slow OR a.pace_place <= slow_wanted
             ORDER BY a.turn LIMIT wanted
        ), locked AS (
            SELECT d.webhook_id, d.event_id, c.is_failing, c.is_slow
              FROM public.delivery_webhookdelivery d
              JOIN chosen c ON c.webhook_id = d.webhook_id AND c.event_id = d.event_id
             WHERE d.status = 'pending' AND d.due_at <= moment
               FOR NO KEY UPDATE OF d SKIP LOCKED
        )
        UPDATE public.delivery_webhookdelivery d
           SET attempts = d.attempts + 1,
               leased_until = moment + make_interval(secs => lease_seconds),
               due_at = moment + make_interval(secs => lease_seconds)
          FROM locked l WHERE d.webhook_id = l.webhook_id AND d.event_id = l.event_id
        RETURNING d.tenant_id, d.webhook_id::text, d.event_id::text, l.is_failing, l.is_slow;
    END
    $$;

REVOKE ALL ON FUNCTION claim_deliveries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_deliveries TO app_worker;
"""


# As it was until one webhook's fault left the others alone.
FAN_OUT_EVENTS = """\
CREATE OR REPLACE FUNCTION fan_out_events(OUT passed int)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        WITH behind AS MATERIALIZED (
            SELECT r.id, r.tenant_id, r.webhook_id, r.seq, r.until_seq, r.types, w.types AS webhooks_types,
                   least(r.until_seq, h.seq) AS goal
              FROM public.delivery_webhookreader r
              JOIN public.delivery_webhook w ON w.id = r.webhook_id AND w.active
              JOIN public.tenants_eventhead h ON h.tenant_id = r.tenant_id
             WHERE r.completed_at IS NULL AND r.seq < least(r.until_seq, h.seq)
             ORDER BY random() LIMIT 16 FOR NO KEY UPDATE OF r SKIP LOCKED
        ), event AS MATERIALIZED (
            SELECT b.id AS reader_id, b.tenant_id, b.webhook_id, e.id, e.seq,
                   CASE WHEN e.data->>'webhook_id' = b.webhook_id THEN e.type = 'webhook.tested'
                        ELSE e.type <> 'webhook.tested' AND (e.type = ANY (b.webhooks_types)) IS NOT FALSE
                             AND (e.type = ANY (b.types)) IS NOT FALSE END AS is_sent
              FROM behind b CROSS JOIN LATERAL (
                SELECT n.id, n.seq, n.type, n.data FROM public.tenants_partnerevent n
                 WHERE n.tenant_id = b.tenant_id AND n.seq > b.seq AND n.seq <= b.goal ORDER BY n.seq LIMIT 128
              ) e
        ), made AS (
            INSERT INTO public.delivery_webhookdelivery AS d
                (tenant_id, webhook_id, event_id, status, attempts, replayed_from)
            SELECT DISTINCT ON (e.webhook_id, e.id) e.tenant_id, e.webhook_id, e.id, 'pending', 0, 0
              FROM event e WHERE e.is_sent
            ON CONFLICT (webhook_id, event_id) DO UPDATE
               SET status = 'pending', due_at = now(), replayed_from = d.attempts, failure_reason = '',
                   delivered_at = NULL
             WHERE d.status <> 'pending'
        ), moved AS (
            SELECT b.id, b.until_seq, coalesce(max(e.seq) FILTER (WHERE n.events = 128), b.goal) AS seq,
                   count(*) FILTER (WHERE e.is_sent) AS sent, n.events
              FROM behind b
             CROSS JOIN LATERAL (SELECT count(*) AS events FROM event c WHERE c.reader_id = b.id) n
              LEFT JOIN event e ON e.reader_id = b.id
             GROUP BY b.id, b.until_seq, b.goal, n.events
        ), kept AS (
            UPDATE public.delivery_webhookreader r
               SET seq = greatest(r.seq, m.seq), events = r.events + m.sent,
                   completed_at = CASE WHEN m.seq >= m.until_seq THEN now() END
              FROM moved m WHERE r.id = m.id
        )
        SELECT coalesce(sum(m.events), 0) FROM moved m INTO passed;
    END
    $$;

REVOKE ALL ON FUNCTION fan_out_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fan_out_events TO app_worker;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0023_controls"),
        ("tenants", "0030_events_kept"),
    ]

    operations = [
        migrations.CreateModel(
            name="FailureCount",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant", "endpoint_id", "reason", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("endpoint_id", models.UUIDField()),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("attempts_exhausted", "Attempts Exhausted"),
                            ("endpoint_gone", "Endpoint Gone"),
                            ("invalid_parameters", "Invalid Parameters"),
                            ("parameters_too_costly", "Parameters Too Costly"),
                            ("action_type_inactive", "Action Type Inactive"),
                            ("user_opted_out", "User Opted Out"),
                            ("internal_error", "Internal Error"),
                        ],
                        max_length=32,
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("failed", models.IntegerField()),
                ("failed_before", models.IntegerField(default=0)),
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
            name="Webhook",
            fields=[
                (
                    "id",
                    models.CharField(
                        db_default=retivo.database.prefixed_id.PrefixedId(prefix="wh"),
                        editable=False,
                        max_length=40,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("url", models.CharField(max_length=2000, verbose_name="URL")),
                (
                    "types",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        help_text="Of the events; null for all",
                        null=True,
                        size=None,
                    ),
                ),
                ("description", models.CharField(blank=True, max_length=500)),
                ("active", models.BooleanField(default=True)),
                (
                    "disabled_at",
                    models.DateTimeField(help_text="Since then it is off, because it answered 410 Gone", null=True),
                ),
                ("encrypted_secret", models.BinaryField(help_text="See retivo.encryption", null=True)),
                ("encrypted_previous_secret", models.BinaryField(help_text="Signs too, for a while", null=True)),
                ("previous_secret_until", models.DateTimeField(editable=False, null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                (
                    "updated_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("deleted_at", models.DateTimeField(editable=False, null=True)),
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
            name="WebhookAttempt",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "webhook_id",
                        "event_id",
                        "number",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("webhook_id", models.CharField(max_length=40)),
                ("event_id", models.CharField(max_length=40)),
                ("number", models.IntegerField()),
                ("started_at", models.DateTimeField()),
                ("latency_ms", models.IntegerField()),
                ("status_code", models.SmallIntegerField(null=True)),
                ("error", models.CharField(blank=True, max_length=32)),
                ("response", models.TextField(blank=True, help_text="The answer's first KiB")),
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
            name="WebhookDelivery",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "webhook", "event", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("pending", "Pending"), ("delivered", "Delivered"), ("failed", "Failed")],
                        default="pending",
                        max_length=16,
                    ),
                ),
                ("due_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("leased_until", models.DateTimeField(null=True)),
                ("attempts", models.IntegerField(default=0)),
                (
                    "replayed_from",
                    models.IntegerField(default=0, help_text="The attempts before the schedule began anew"),
                ),
                (
                    "failure_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("attempts_exhausted", "Attempts Exhausted"),
                            ("endpoint_gone", "Endpoint Gone"),
                            ("invalid_parameters", "Invalid Parameters"),
                            ("parameters_too_costly", "Parameters Too Costly"),
                            ("action_type_inactive", "Action Type Inactive"),
                            ("user_opted_out", "User Opted Out"),
                            ("internal_error", "Internal Error"),
                        ],
                        db_default="",
                        max_length=32,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("delivered_at", models.DateTimeField(null=True)),
                (
                    "event",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.partnerevent",
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
                (
                    "webhook",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="delivery.webhook",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="WebhookReader",
            fields=[
                (
                    "id",
                    models.CharField(
                        db_default=retivo.database.prefixed_id.PrefixedId(prefix="rp"),
                        editable=False,
                        max_length=40,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("seq", models.BigIntegerField(help_text="Of the last event that it passed")),
                (
                    "until_seq",
                    models.BigIntegerField(help_text="Where a replay ends; null follows the feed", null=True),
                ),
                (
                    "types",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        help_text="Of those of the webhook; null for all",
                        null=True,
                        size=None,
                    ),
                ),
                ("events", models.IntegerField(default=0, help_text="Of which it made deliveries")),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("completed_at", models.DateTimeField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "webhook",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="delivery.webhook",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="webhook",
            index=models.Index(models.F("tenant"), models.F("created_at"), models.F("id"), name="webhook_listed"),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="webhook_of_tenant"),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("deleted_at__isnull", True), ("encrypted_secret__isnull", False)),
                    models.Q(
                        ("deleted_at__isnull", False), ("encrypted_previous_secret", None), ("encrypted_secret", None)
                    ),
                    _connector="OR",
                ),
                name="webhook_has_secret_until_deleted",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(("disabled_at__isnull", True), ("active", False), _connector="OR"),
                name="webhook_disabled_is_off",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(("deleted_at__isnull", True), ("active", False), _connector="OR"),
                name="webhook_deleted_is_off",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookattempt",
            index=models.Index(
                models.F("tenant"),
                models.F("webhook_id"),
                models.F("started_at"),
                models.F("event_id"),
                name="webhook_attempt_listed",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                models.F("webhook"),
                models.F("due_at"),
                condition=models.Q(("status", "pending")),
                name="webhook_delivery_due",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                models.F("leased_until"),
                condition=models.Q(("leased_until__isnull", False)),
                name="webhook_delivery_in_flight",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["pending", "delivered", "failed"])),
                name="webhook_delivery_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(models.Q(("status", "failed")), models.Q(("failure_reason", ""), _negated=True)),
                    models.Q(models.Q(("status", "failed"), _negated=True), ("failure_reason", "")),
                    _connector="OR",
                ),
                name="webhook_delivery_failure_has_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookreader",
            constraint=models.UniqueConstraint(
                condition=models.Q(("until_seq__isnull", True)), fields=("webhook",), name="webhook_follows_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookreader",
            constraint=models.UniqueConstraint(
                condition=models.Q(("completed_at__isnull", True), ("until_seq__isnull", False)),
                fields=("webhook",),
                name="webhook_replays_once_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookreader",
            constraint=models.CheckConstraint(
                condition=models.Q(("completed_at__isnull", True), ("until_seq__isnull", False), _connector="OR"),
                name="webhook_follows_for_ever",
            ),
        ),
        migrations.RunSQL(
            sql=[
                """
                ALTER TABLE delivery_webhookreader ADD CONSTRAINT reader_of_own_webhook
                FOREIGN KEY (tenant_id, webhook_id) REFERENCES delivery_webhook (tenant_id, id) ON DELETE CASCADE
                """,
                """
                ALTER TABLE delivery_webhookdelivery ADD CONSTRAINT delivery_to_own_webhook
                FOREIGN KEY (tenant_id, webhook_id) REFERENCES delivery_webhook (tenant_id, id) ON DELETE CASCADE
                """,
                """
                ALTER TABLE delivery_webhookdelivery ADD CONSTRAINT delivery_of_event
                FOREIGN KEY (event_id) REFERENCES tenants_partnerevent (id) ON DELETE CASCADE
                """,
                """
                ALTER TABLE delivery_webhookattempt ADD CONSTRAINT attempt_of_delivery
                FOREIGN KEY (webhook_id, event_id) REFERENCES delivery_webhookdelivery (webhook_id, event_id)
                ON DELETE CASCADE
                """,
            ],
            reverse_sql=[
                "ALTER TABLE delivery_webhookattempt DROP CONSTRAINT attempt_of_delivery",
                "ALTER TABLE delivery_webhookdelivery DROP CONSTRAINT delivery_of_event",
                "ALTER TABLE delivery_webhookdelivery DROP CONSTRAINT delivery_to_own_webhook",
                "ALTER TABLE delivery_webhookreader DROP CONSTRAINT reader_of_own_webhook",
            ],
        ),
        InForce(
            "delivery",
            "delivery_webhook",
            digest="57fbb4ba07d2",
            reverse_sql=["DROP POLICY staff ON delivery_webhook", "DROP POLICY tenant_isolation ON delivery_webhook"],
        ),
        InForce(
            "delivery",
            "delivery_webhookreader",
            digest="529738a86161",
            reverse_sql=[
                "DROP POLICY staff ON delivery_webhookreader",
                "DROP POLICY tenant_isolation ON delivery_webhookreader",
            ],
        ),
        InForce(
            "delivery",
            "delivery_webhookdelivery",
            digest="ec3d25211eda",
            reverse_sql=[
                "DROP POLICY staff ON delivery_webhookdelivery",
                "DROP POLICY tenant_isolation ON delivery_webhookdelivery",
            ],
        ),
        InForce(
            "delivery",
            "delivery_webhookattempt",
            digest="e1c913f61a51",
            reverse_sql=[
                "DROP POLICY staff ON delivery_webhookattempt",
                "DROP POLICY tenant_isolation ON delivery_webhookattempt",
            ],
        ),
        InForce(
            "delivery",
            "delivery_failurecount",
            digest="56b728e79655",
            reverse_sql=[
                "DROP POLICY staff ON delivery_failurecount",
                "DROP POLICY tenant_isolation ON delivery_failurecount",
            ],
        ),
        migrations.RunSQL(sql=[FAN_OUT_EVENTS], reverse_sql="DROP FUNCTION fan_out_events"),
        migrations.RunSQL(sql=[CLAIM_DELIVERIES], reverse_sql="DROP FUNCTION claim_deliveries"),
        InForce("delivery", "forget_webhooks", digest="9157980d7bcc", reverse_sql="DROP FUNCTION forget_webhooks"),
    ]
