"""The database's own rules: what is shared with whom, and who sees which row."""

from django.db import migrations

from retivo.database.rls import CURRENT_TENANT, isolate, undo_isolation

# As it was until integrations had revisions.
SHARE = """\
-- A customer sees what is shared with it, and a partner sees what it shares. Only a partner creates shares.
ALTER TABLE integrations_integrationshare ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_integrationshare;
CREATE POLICY tenant_isolation ON integrations_integrationshare TO app_web
    USING (
        tenant_id = (SELECT current_tenant())
        OR partner_id = (SELECT current_tenant())
    )
    WITH CHECK (partner_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON integrations_integrationshare;
CREATE POLICY staff ON integrations_integrationshare TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_integrationshare TO app_web;
"""

# As it was until action types had kinds.
TEMPLATE = """\
-- A partner sees its templates. Its customers see the action types made from them, not the templates.
ALTER TABLE integrations_actiontypetemplate ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON integrations_actiontypetemplate;
CREATE POLICY tenant_isolation ON integrations_actiontypetemplate TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON integrations_actiontypetemplate;
CREATE POLICY staff ON integrations_actiontypetemplate TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON integrations_actiontypetemplate TO app_web;

-- A release counts outcomes by template.
DROP POLICY IF EXISTS releases ON integrations_actiontypetemplate;
CREATE POLICY releases ON integrations_actiontypetemplate FOR SELECT TO app_release USING (true);
GRANT SELECT (id, tenant_id, integration_id, name, position) ON integrations_actiontypetemplate TO app_release;
"""


class Migration(migrations.Migration):
    dependencies = [("integrations", "0001_initial"), ("tenants", "0003_authenticate_api_key")]

    operations = [
        migrations.RunSQL(
            sql=[
                """
                ALTER TABLE integrations_actiontypetemplate ADD CONSTRAINT template_of_own_integration
                FOREIGN KEY (integration_id, tenant_id) REFERENCES integrations_partnerintegration (id, tenant_id)
                """,
                """
                ALTER TABLE integrations_integrationshare ADD CONSTRAINT share_with_own_customer
                FOREIGN KEY (tenant_id, partner_id) REFERENCES tenants_tenant (id, parent_id)
                """,
                """
                ALTER TABLE integrations_integrationshare ADD CONSTRAINT share_of_own_integration
                FOREIGN KEY (integration_id, partner_id) REFERENCES integrations_partnerintegration (id, tenant_id)
                """,
                """
                ALTER TABLE integrations_actiontype ADD CONSTRAINT action_type_of_a_share
                FOREIGN KEY (tenant_id, integration_id, partner_id)
                REFERENCES integrations_integrationshare (tenant_id, integration_id, partner_id)
                """,
                """
                ALTER TABLE integrations_actiontype ADD CONSTRAINT action_type_of_the_template
                FOREIGN KEY (template_id, integration_id)
                REFERENCES integrations_actiontypetemplate (id, integration_id)
                """,
            ],
            reverse_sql=[
                "ALTER TABLE integrations_actiontype DROP CONSTRAINT action_type_of_the_template",
                "ALTER TABLE integrations_actiontype DROP CONSTRAINT action_type_of_a_share",
                "ALTER TABLE integrations_integrationshare DROP CONSTRAINT share_of_own_integration",
                "ALTER TABLE integrations_integrationshare DROP CONSTRAINT share_with_own_customer",
                "ALTER TABLE integrations_actiontypetemplate DROP CONSTRAINT template_of_own_integration",
            ],
        ),
        isolate("integrations_partnerintegration", visible="tenant_id = {tenant}", grants="SELECT, INSERT"),
        migrations.RunSQL(
            sql=f"""
                CREATE POLICY shared ON integrations_partnerintegration FOR SELECT TO app_rt USING (
                    EXISTS (
                        SELECT 1 FROM integrations_integrationshare s
                        WHERE s.integration_id = integrations_partnerintegration.id AND s.tenant_id = {CURRENT_TENANT}
                    )
                )
            """,
            reverse_sql="DROP POLICY shared ON integrations_partnerintegration",
        ),
        migrations.RunSQL(sql=[TEMPLATE], reverse_sql=[*undo_isolation("integrations_actiontypetemplate")]),
        migrations.RunSQL(
            sql=[SHARE],
            reverse_sql=[*undo_isolation("integrations_integrationshare")],
        ),
        isolate(
            "integrations_actiontype",
            visible="tenant_id = {tenant} OR partner_id = {tenant}",
            writable="partner_id = {tenant}",
            grants="SELECT, INSERT",
        ),
    ]
