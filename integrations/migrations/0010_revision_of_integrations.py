"""Which revision of an integration new shares get, and whether the integration is deprecated or gone.

Each column is added to the catalogue alone; the release before registers integrations at their first revision.
"""

from importlib import import_module

from django.db import migrations, models

_held = import_module("integrations.migrations.0009_held")

# As it was until integrations could ask for certified endpoints.
INTEGRATION = """\
-- A partner sees its integrations, and a customer sees those that are shared with it.
ALTER TABLE integrations_partnerintegration ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_partnerintegration;
CREATE POLICY tenant_isolation ON integrations_partnerintegration TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS shared ON integrations_partnerintegration;
CREATE POLICY shared ON integrations_partnerintegration FOR SELECT TO app_web
    USING (
        EXISTS (
            SELECT 1 FROM integrations_integrationshare s
            WHERE s.integration_id = integrations_partnerintegration.id
                AND s.tenant_id = (SELECT current_tenant())
        )
    );

DROP POLICY IF EXISTS staff ON integrations_partnerintegration;
CREATE POLICY staff ON integrations_partnerintegration TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_partnerintegration TO app_web;
-- What an integration does is in its revisions, which stay. Its provider changes when it is deleted, for another to have.
GRANT UPDATE (
    encrypted_webhook_secret, encrypted_previous_secret, previous_secret_until, held, display_name, active, revision,
    maps_events_later, deprecated_at, sunset_at, deleted_at, provider
) ON integrations_partnerintegration TO app_web;

-- A release counts outcomes by template.
DROP POLICY IF EXISTS releases ON integrations_partnerintegration;
CREATE POLICY releases ON integrations_partnerintegration FOR SELECT TO app_release USING (true);
GRANT SELECT (id, domain, created_at) ON integrations_partnerintegration TO app_release;
"""  # noqa: E501


class Migration(migrations.Migration):
    dependencies = [("integrations", "0009_held")]

    operations = [
        migrations.AddField(
            model_name="partnerintegration",
            name="deleted_at",
            field=models.DateTimeField(
                editable=False, help_text="It stays for actions of before; its provider is free again", null=True
            ),
        ),
        migrations.AddField(
            model_name="partnerintegration",
            name="deprecated_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="partnerintegration",
            name="maps_events_later",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="A revision after the first has event mappings",
            ),
        ),
        migrations.AddField(
            model_name="partnerintegration",
            name="revision",
            field=models.IntegerField(
                db_default=1,
                default=1,
                editable=False,
                help_text="The newest that was rolled out to all: new shares get it",
            ),
        ),
        migrations.AddField(
            model_name="partnerintegration",
            name="sunset_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name="partnerintegration",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("deprecated_at", None), ("sunset_at", None)),
                    models.Q(
                        ("deprecated_at__isnull", False),
                        ("sunset_at__gt", models.F("deprecated_at")),
                        ("sunset_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="integration_sunset_after_deprecation",
            ),
        ),
        migrations.RunSQL(
            sql=[INTEGRATION],
            reverse_sql=[
                "REVOKE UPDATE (display_name, active, provider) ON integrations_partnerintegration FROM app_web",
                _held.HELD,
            ],
        ),
    ]
