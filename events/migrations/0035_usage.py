"""What tenants use by day and month, what a partner wants to hear of it, and what it heard."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from retivo.database.sql import InForce

# As it was until it counted no more than 10,000.
USAGE_PERIODS = """\
CREATE OR REPLACE FUNCTION usage_periods(by_unit text, first_day date, last_day date, customer uuid) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT count(*) FROM public.tenants_tenant t JOIN public.events_usage u ON u.tenant_id = t.id
        WHERE t.parent_id = (SELECT public.current_tenant()) AND (customer IS NULL OR t.id = customer)
          AND u.unit = by_unit AND u.starts_on BETWEEN first_day AND last_day
    $$;

REVOKE ALL ON FUNCTION usage_periods FROM PUBLIC;
GRANT EXECUTE ON FUNCTION usage_periods TO app_web;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0034_address_of_batches"),
        ("tenants", "0035_deleting"),
    ]

    operations = [
        migrations.CreateModel(
            name="UsageCount",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="tenants.tenant",
                    ),
                ),
                ("counted_at", models.DateTimeField(null=True)),
                (
                    "decisions_position",
                    models.BigIntegerField(db_default=0, help_text="Decisions up to it are counted"),
                ),
                ("closed_through", models.DateField(help_text="The first month that is open")),
                (
                    "announced_through",
                    models.DateField(help_text="Of a partner: the first month it was not told of as closed"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ReachedThreshold",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant",
                        "period",
                        "metric",
                        "threshold",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("period", models.DateField(help_text="The month's first day")),
                (
                    "metric",
                    models.CharField(
                        choices=[
                            ("active_users", "Active Users"),
                            ("events", "Events"),
                            ("decisions", "Decisions"),
                            ("actions_delivered", "Actions Delivered"),
                            ("outcomes", "Outcomes"),
                            ("action_cost_usd", "Action Cost Usd"),
                        ],
                        max_length=20,
                    ),
                ),
                ("threshold", models.IntegerField(help_text="Per cent")),
                ("used", models.DecimalField(decimal_places=6, max_digits=24)),
                ("allowance", models.DecimalField(decimal_places=6, max_digits=24)),
                ("reached_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "partner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
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
            options={
                "indexes": [models.Index(fields=["partner", "-period", "-reached_at"], name="threshold_of_partner")],
            },
        ),
        migrations.CreateModel(
            name="Usage",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant",
                        "unit",
                        "starts_on",
                        "correction",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("unit", models.CharField(choices=[("month", "Month"), ("day", "Day")], max_length=5)),
                ("starts_on", models.DateField(help_text="The day, or the first day of the month")),
                ("correction", models.SmallIntegerField(default=0, help_text="0 is none")),
                (
                    "active_users",
                    models.BigIntegerField(default=0, help_text="On the day they were first active in the month"),
                ),
                ("events", models.BigIntegerField(default=0)),
                ("decisions", models.BigIntegerField(default=0)),
                ("actions_delivered", models.BigIntegerField(default=0)),
                ("outcomes", models.BigIntegerField(default=0)),
                ("action_cost_usd", models.DecimalField(decimal_places=6, default=0, max_digits=18)),
                ("counted_at", models.DateTimeField(help_text="When it last changed")),
                ("closed_at", models.DateTimeField(null=True)),
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
            options={
                "verbose_name_plural": "usage",
                "indexes": [
                    models.Index(models.F("tenant"), condition=models.Q(("closed_at__isnull", True)), name="usage_open")
                ],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("unit__in", ["month", "day"])), name="usage_unit_known"),
                    models.CheckConstraint(
                        condition=models.Q(("unit", "day"), ("starts_on__day", 1), _connector="OR"),
                        name="usage_month_has_a_first_day",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("correction__gte", 0)), name="usage_correction_after_the_month"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageAlert",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant", "metric", "scope", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "metric",
                    models.CharField(
                        choices=[
                            ("active_users", "Active Users"),
                            ("events", "Events"),
                            ("decisions", "Decisions"),
                            ("actions_delivered", "Actions Delivered"),
                            ("outcomes", "Outcomes"),
                            ("action_cost_usd", "Action Cost Usd"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "scope",
                    models.CharField(choices=[("each_customer", "Each Customer"), ("fleet", "Fleet")], max_length=16),
                ),
                (
                    "thresholds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(), help_text="Per cent, ascending", size=None
                    ),
                ),
                (
                    "allowance",
                    models.DecimalField(
                        decimal_places=6,
                        help_text="What they are shares of; the plans' limits where null",
                        max_digits=18,
                        null=True,
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
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "metric__in",
                                [
                                    "active_users",
                                    "events",
                                    "decisions",
                                    "actions_delivered",
                                    "outcomes",
                                    "action_cost_usd",
                                ],
                            )
                        ),
                        name="usage_alert_metric_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("scope__in", ["each_customer", "fleet"])), name="usage_alert_scope_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("thresholds__len__range", (1, 10))), name="usage_alert_has_thresholds"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("allowance", None), ("allowance__gt", 0), _connector="OR"),
                        name="usage_alert_allowance",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("allowance__isnull", False),
                            ("metric__in", ["active_users", "action_cost_usd"]),
                            _connector="OR",
                        ),
                        name="usage_alert_is_of_a_limit",
                    ),
                ],
            },
        ),
        InForce("events", "events_usage", digest="651bbe6e4e6f", reverse_sql=migrations.RunSQL.noop),
        InForce("events", "events_usagecount", digest="86efcee54a4d", reverse_sql=migrations.RunSQL.noop),
        InForce("events", "events_usagealert", digest="e3daf8b57cc9", reverse_sql=migrations.RunSQL.noop),
        InForce("events", "events_reachedthreshold", digest="edcad30487c6", reverse_sql=migrations.RunSQL.noop),
        InForce(
            "events",
            "refuse_closed_usage",
            digest="7b571a71b7b2",
            reverse_sql="DROP FUNCTION refuse_closed_usage CASCADE",
        ),
        InForce("events", "usage_of_periods", digest="4416de27a86e", reverse_sql="DROP FUNCTION usage_of_periods"),
        migrations.RunSQL(sql=[USAGE_PERIODS], reverse_sql="DROP FUNCTION usage_periods"),
        InForce("events", "reach_thresholds", digest="59f07da72ab9", reverse_sql="DROP FUNCTION reach_thresholds"),
        InForce(
            "events",
            "customers_closed_through",
            digest="25ab4c2c1c66",
            reverse_sql="DROP FUNCTION customers_closed_through",
        ),
    ]
