"""Failed actions of an endpoint are sent again; an endpoint is certified; failures of the last hours are counted."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import retivo.database.prefixed_id
from retivo.database.sql import InForce


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
        InForce(
            "delivery", "claim_certifications", digest="551eb2dd1c6d", reverse_sql="DROP FUNCTION claim_certifications"
        ),
        InForce("delivery", "count_endpoints", digest="09ebd6d1f0e2", reverse_sql="DROP FUNCTION count_endpoints"),
        InForce(
            "delivery", "recoverable_actions", digest="a110eda878ec", reverse_sql="DROP FUNCTION recoverable_actions"
        ),
        InForce("delivery", "recover_actions", digest="23b12cd337dc", reverse_sql="DROP FUNCTION recover_actions"),
    ]
