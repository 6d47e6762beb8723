"""A partner holds an integration, or one of its action types, for all of its customers.

The column is added to the catalogue alone, and the release before registers integrations of which nothing is held.
"""

from importlib import import_module

from django.db import migrations, models
from django.db.models import Value

_isolation = import_module("delivery.migrations.0002_isolation")


# As it was until integrations had revisions.
HELD = """\
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
-- A partner may change the secrets of an integration and what it holds of it, and nothing else.
GRANT UPDATE (encrypted_webhook_secret, encrypted_previous_secret, previous_secret_until, held)
    ON integrations_partnerintegration TO app_web;

-- A release counts outcomes by template.
DROP POLICY IF EXISTS releases ON integrations_partnerintegration;
CREATE POLICY releases ON integrations_partnerintegration FOR SELECT TO app_release USING (true);
GRANT SELECT (id, domain, created_at) ON integrations_partnerintegration TO app_release;
"""


class Migration(migrations.Migration):
    dependencies = [("integrations", "0008_roles_of_their_own"), ("delivery", "0002_isolation")]

    operations = [
        migrations.AddField(
            model_name="partnerintegration",
            name="held",
            field=models.JSONField(
                db_default=Value({}, models.JSONField()),
                default=dict,
                editable=False,
                help_text="The partner's switches by an action type's name, or by `*`",
            ),
        ),
        migrations.RunSQL(
            sql=[HELD],
            reverse_sql=[
                "REVOKE UPDATE (held) ON integrations_partnerintegration FROM app_web",
                _isolation.INTEGRATION,
            ],
        ),
    ]
