"""What integrations are is kept in revisions, and customers are moved from one to another by roll-outs.

The trigger makes the first revision of what the release before registers, too.
"""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import retivo.database.prefixed_id
from retivo.database.sql import InForce

# As they were until steps that failed were put off.
ROLLOUT = """\
-- A partner sees and steers its roll-outs.
ALTER TABLE integrations_rollout ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_rollout;
CREATE POLICY tenant_isolation ON integrations_rollout TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON integrations_rollout;
CREATE POLICY staff ON integrations_rollout TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_rollout TO app_web;
GRANT UPDATE (status, stage, stage_ends_at, total, moved, guard_seen, due_at, finished_at) ON integrations_rollout
    TO app_web;

-- Rounds look for partners that have work.
DROP POLICY IF EXISTS upkeep ON integrations_rollout;
CREATE POLICY upkeep ON integrations_rollout FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, status, due_at, finished_at) ON integrations_rollout TO app_upkeep;
"""
SHARING = """\
-- A partner sees how far an integration is shared with all of its customers.
ALTER TABLE integrations_sharing ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_sharing;
CREATE POLICY tenant_isolation ON integrations_sharing TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON integrations_sharing;
CREATE POLICY staff ON integrations_sharing TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_sharing TO app_web;
GRANT UPDATE (shared, after_created_at, after_id, finished_at) ON integrations_sharing TO app_web;

-- Rounds look for partners that have work.
DROP POLICY IF EXISTS upkeep ON integrations_sharing;
CREATE POLICY upkeep ON integrations_sharing FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (tenant_id, finished_at) ON integrations_sharing TO app_upkeep;
"""

REFUSE_CHANGE_OF_REVISION = """CREATE OR REPLACE FUNCTION refuse_change_of_revision() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        RAISE EXCEPTION 'permission denied: a revision stays as it was published'
            USING ERRCODE = 'insufficient_privilege';
    END
    $$;

REVOKE ALL ON FUNCTION refuse_change_of_revision FROM PUBLIC;

CREATE OR REPLACE TRIGGER revision_stays BEFORE UPDATE ON integrations_revision FOR EACH ROW
    EXECUTE FUNCTION refuse_change_of_revision();

CREATE OR REPLACE TRIGGER revision_stays BEFORE UPDATE ON integrations_revisiontemplate FOR EACH ROW
    WHEN (
        (
            OLD.integration_id, OLD.tenant_id, OLD.revision, OLD.name, OLD.template_id, OLD.position, OLD.description,
            OLD.parameters_schema, OLD.estimated_cost_usd
        ) IS DISTINCT FROM (
            NEW.integration_id, NEW.tenant_id, NEW.revision, NEW.name, NEW.template_id, NEW.position, NEW.description,
            NEW.parameters_schema, NEW.estimated_cost_usd
        )
    )
    EXECUTE FUNCTION refuse_change_of_revision();
"""

# One action type at a time.
FIRST_REVISION = """CREATE OR REPLACE FUNCTION first_revision() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF TG_TABLE_NAME = 'integrations_partnerintegration' THEN
            INSERT INTO public.integrations_revision
                (integration_id, tenant_id, number, event_mappings, note, created_at)
            VALUES (NEW.id, NEW.tenant_id, 1, NEW.event_mappings, '', NEW.created_at);
        ELSE
            INSERT INTO public.integrations_revisiontemplate
                (integration_id, tenant_id, revision, name, template_id, position, description, parameters_schema,
                 delivery_webhook, estimated_cost_usd)
            VALUES (NEW.integration_id, NEW.tenant_id, 1, NEW.name, NEW.id, NEW.position, NEW.description,
                    NEW.parameters_schema, NEW.delivery_webhook, NEW.estimated_cost_usd);
        END IF;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION first_revision FROM PUBLIC;

CREATE OR REPLACE TRIGGER first_revision AFTER INSERT ON integrations_partnerintegration FOR EACH ROW
    EXECUTE FUNCTION first_revision();

CREATE OR REPLACE TRIGGER first_revision AFTER INSERT ON integrations_actiontypetemplate FOR EACH ROW
    WHEN (NEW.since_revision = 1)
    EXECUTE FUNCTION first_revision();
"""


class Migration(migrations.Migration):
    dependencies = [("integrations", "0010_revision_of_integrations"), ("tenants", "0030_events_kept")]

    operations = [
        migrations.AddField(
            model_name="actiontypetemplate",
            name="since_revision",
            field=models.IntegerField(db_default=1, default=1, editable=False),
        ),
        migrations.CreateModel(
            name="Revision",
            fields=[
                (
                    "integration",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="revisions",
                        to="integrations.partnerintegration",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "integration", "number", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.IntegerField()),
                ("base", models.IntegerField(help_text="The revision that all had when it was published", null=True)),
                ("event_mappings", models.JSONField(default=list)),
                ("note", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "ordering": ["number"],
            },
        ),
        migrations.CreateModel(
            name="RevisionTemplate",
            fields=[
                (
                    "integration",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="revision_templates",
                        to="integrations.partnerintegration",
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="integrations.actiontypetemplate",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "integration", "revision", "name", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("revision", models.IntegerField()),
                ("name", models.CharField(max_length=100)),
                ("position", models.PositiveSmallIntegerField()),
                ("description", models.TextField(blank=True)),
                ("parameters_schema", models.JSONField(default=dict)),
                ("delivery_webhook", models.CharField(max_length=2000)),
                ("estimated_cost_usd", models.DecimalField(decimal_places=4, max_digits=10, null=True)),
            ],
            options={
                "ordering": ["position"],
            },
        ),
        migrations.CreateModel(
            name="Rollout",
            fields=[
                (
                    "integration",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rollouts",
                        to="integrations.partnerintegration",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "id",
                    models.CharField(
                        db_default=retivo.database.prefixed_id.PrefixedId(prefix="ro"),
                        editable=False,
                        max_length=40,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("revision", models.IntegerField()),
                ("revision_before", models.IntegerField(help_text="Which new shares had when it began")),
                ("target", models.JSONField(help_text="To whom, as it was asked")),
                ("is_for_all", models.BooleanField()),
                ("stages", models.JSONField()),
                ("guard", models.JSONField(null=True)),
                ("guard_seen", models.JSONField(null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("planned", "Planned"),
                            ("running", "Running"),
                            ("paused", "Paused"),
                            ("completed", "Completed"),
                            ("rolled_back", "Rolled Back"),
                            ("aborted", "Aborted"),
                        ],
                        default="planned",
                        max_length=16,
                    ),
                ),
                ("stage", models.IntegerField(default=0)),
                ("stage_ends_at", models.DateTimeField(help_text="Null until its customers are moved", null=True)),
                ("total", models.IntegerField()),
                ("moved", models.IntegerField(default=0)),
                ("asked_by", models.CharField(max_length=300)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "due_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), help_text="When a worker looks at it next"
                    ),
                ),
                (
                    "finished_at",
                    models.DateTimeField(
                        help_text="Null while customers are still to be moved, or moved back", null=True
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="RolloutCustomer",
            fields=[
                (
                    "partner",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "rollout",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="customers",
                        to="integrations.rollout",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "rollout", "tenant", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "revision_before",
                    models.IntegerField(help_text="Null until it is moved, or if it had left", null=True),
                ),
                ("moved_at", models.DateTimeField(null=True)),
                ("returned_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Sharing",
            fields=[
                (
                    "integration",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sharings",
                        to="integrations.partnerintegration",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "id",
                    models.CharField(
                        db_default=retivo.database.prefixed_id.PrefixedId(prefix="sh"),
                        editable=False,
                        max_length=40,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("total", models.IntegerField(help_text="Customers that had it not when it was asked")),
                ("shared", models.IntegerField(default=0)),
                (
                    "after_created_at",
                    models.DateTimeField(help_text="Of the last customer that was looked at", null=True),
                ),
                ("after_id", models.UUIDField(null=True)),
                ("asked_by", models.CharField(max_length=300)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("finished_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddIndex(
            model_name="rollout",
            index=models.Index(models.F("integration"), models.F("created_at"), models.F("id"), name="rollout_listed"),
        ),
        migrations.AddIndex(
            model_name="rollout",
            index=models.Index(
                models.F("tenant"), models.F("due_at"), condition=models.Q(("finished_at", None)), name="rollout_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="rollout",
            constraint=models.UniqueConstraint(
                condition=models.Q(("finished_at", None)), fields=("integration",), name="rollout_one_at_a_time"
            ),
        ),
        migrations.AddConstraint(
            model_name="rollout",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["planned", "running", "paused", "completed", "rolled_back", "aborted"])
                ),
                name="rollout_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="rollout",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("finished_at", None), ("status__in", ("planned", "running", "paused"))),
                    models.Q(("finished_at__isnull", False), ("status__in", ["completed", "aborted"])),
                    ("status", "rolled_back"),
                    _connector="OR",
                ),
                name="rollout_finished_by_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="rollout",
            constraint=models.CheckConstraint(
                condition=models.Q(("moved__lte", models.F("total"))), name="rollout_moves_its_own"
            ),
        ),
        migrations.AddIndex(
            model_name="rolloutcustomer",
            index=models.Index(
                models.F("rollout"),
                models.F("tenant"),
                condition=models.Q(("moved_at", None)),
                name="rollout_customer_left",
            ),
        ),
        migrations.AddConstraint(
            model_name="rolloutcustomer",
            constraint=models.CheckConstraint(
                condition=models.Q(("returned_at", None), ("moved_at__isnull", False), _connector="OR"),
                name="rollout_customer_returns_after_move",
            ),
        ),
        migrations.AddIndex(
            model_name="sharing",
            index=models.Index(models.F("integration"), models.F("created_at"), name="sharing_newest"),
        ),
        migrations.AddIndex(
            model_name="sharing",
            index=models.Index(models.F("tenant"), condition=models.Q(("finished_at", None)), name="sharing_due"),
        ),
        migrations.AddConstraint(
            model_name="sharing",
            constraint=models.UniqueConstraint(
                condition=models.Q(("finished_at", None)), fields=("integration",), name="sharing_one_at_a_time"
            ),
        ),
        migrations.RunSQL(
            sql=[
                "ALTER TABLE integrations_revision ADD CONSTRAINT revision_of_own_integration"
                " FOREIGN KEY (integration_id, tenant_id)"
                " REFERENCES integrations_partnerintegration (id, tenant_id) ON DELETE CASCADE",
                "ALTER TABLE integrations_revisiontemplate ADD CONSTRAINT template_of_revision"
                " FOREIGN KEY (integration_id, revision)"
                " REFERENCES integrations_revision (integration_id, number) ON DELETE CASCADE",
                "ALTER TABLE integrations_revisiontemplate ADD CONSTRAINT template_known_by_name"
                " FOREIGN KEY (integration_id, name)"
                " REFERENCES integrations_actiontypetemplate (integration_id, name)",
                "ALTER TABLE integrations_revisiontemplate ADD CONSTRAINT template_known"
                " FOREIGN KEY (template_id, integration_id)"
                " REFERENCES integrations_actiontypetemplate (id, integration_id)",
                "ALTER TABLE integrations_rollout ADD CONSTRAINT rollout_of_own_integration"
                " FOREIGN KEY (integration_id, tenant_id)"
                " REFERENCES integrations_partnerintegration (id, tenant_id)",
                "ALTER TABLE integrations_rollout ADD CONSTRAINT rollout_to_revision"
                " FOREIGN KEY (integration_id, revision)"
                " REFERENCES integrations_revision (integration_id, number)",
                "ALTER TABLE integrations_rolloutcustomer ADD CONSTRAINT customer_of_rollout"
                " FOREIGN KEY (rollout_id) REFERENCES integrations_rollout (id) ON DELETE CASCADE",
                "ALTER TABLE integrations_rolloutcustomer ADD CONSTRAINT rollout_to_own_customer"
                " FOREIGN KEY (tenant_id, partner_id) REFERENCES tenants_tenant (id, parent_id)",
                "ALTER TABLE integrations_sharing ADD CONSTRAINT sharing_of_own_integration"
                " FOREIGN KEY (integration_id, tenant_id)"
                " REFERENCES integrations_partnerintegration (id, tenant_id)",
            ],
            reverse_sql=migrations.RunSQL.noop,
        ),
        InForce(
            "integrations",
            "integrations_revision",
            digest="f44a3df4c0cd",
            reverse_sql=[
                "DROP POLICY shared ON integrations_revision",
                "DROP POLICY staff ON integrations_revision",
                "DROP POLICY tenant_isolation ON integrations_revision",
            ],
        ),
        InForce(
            "integrations",
            "integrations_revisiontemplate",
            digest="9fe70c64ea61",
            reverse_sql=[
                "DROP POLICY shared ON integrations_revisiontemplate",
                "DROP POLICY staff ON integrations_revisiontemplate",
                "DROP POLICY tenant_isolation ON integrations_revisiontemplate",
            ],
        ),
        migrations.RunSQL(
            sql=[ROLLOUT],
            reverse_sql=[
                "DROP POLICY upkeep ON integrations_rollout",
                "DROP POLICY staff ON integrations_rollout",
                "DROP POLICY tenant_isolation ON integrations_rollout",
            ],
        ),
        InForce(
            "integrations",
            "integrations_rolloutcustomer",
            digest="57ea44546847",
            reverse_sql=[
                "DROP POLICY staff ON integrations_rolloutcustomer",
                "DROP POLICY tenant_isolation ON integrations_rolloutcustomer",
            ],
        ),
        migrations.RunSQL(
            sql=[SHARING],
            reverse_sql=[
                "DROP POLICY upkeep ON integrations_sharing",
                "DROP POLICY staff ON integrations_sharing",
                "DROP POLICY tenant_isolation ON integrations_sharing",
            ],
        ),
        migrations.RunSQL(
            sql=[FIRST_REVISION],
            reverse_sql=[
                "DROP TRIGGER first_revision ON integrations_actiontypetemplate",
                "DROP TRIGGER first_revision ON integrations_partnerintegration",
                "DROP FUNCTION first_revision",
            ],
        ),
        migrations.RunSQL(
            sql=[
                """
    INSERT INTO integrations_revision (integration_id, tenant_id, number, event_mappings, note, created_at)
    SELECT id, tenant_id, 1, event_mappings, '', created_at FROM integrations_partnerintegration
    ON CONFLICT DO NOTHING
""",
                """
    INSERT INTO integrations_revisiontemplate
        (integration_id, tenant_id, revision, name, template_id, position, description, parameters_schema,
         delivery_webhook, estimated_cost_usd)
    SELECT integration_id, tenant_id, 1, name, id, position, description, parameters_schema, delivery_webhook,
        estimated_cost_usd
    FROM integrations_actiontypetemplate
    ON CONFLICT DO NOTHING
""",
            ],
            reverse_sql=migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            sql=[REFUSE_CHANGE_OF_REVISION],
            reverse_sql=[
                "DROP TRIGGER revision_stays ON integrations_revisiontemplate",
                "DROP TRIGGER revision_stays ON integrations_revision",
                "DROP FUNCTION refuse_change_of_revision",
            ],
        ),
    ]
