"""Whose actions these are, who sees which row, and the index of those in flight.

An action goes with its user, and attempts with their action: erasing a user leaves neither.
"""

from django.db import migrations

from retivo.database.rls import isolate, undo_isolation

_OWN = "tenant_id = {tenant}"

# As it was until partners could hold a part of an integration.
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
-- A partner may change the secrets of an integration, and nothing else.
GRANT UPDATE (encrypted_webhook_secret, encrypted_previous_secret, previous_secret_until)
    ON integrations_partnerintegration TO app_web;

-- A release counts outcomes by template.
DROP POLICY IF EXISTS releases ON integrations_partnerintegration;
CREATE POLICY releases ON integrations_partnerintegration FOR SELECT TO app_release USING (true);
GRANT SELECT (id, domain, created_at) ON integrations_partnerintegration TO app_release;
"""

# As it was until partners could have an endpoint tried again.
ENDPOINT = """\
-- A tenant sees the endpoints that it registered.
ALTER TABLE delivery_endpoint ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON delivery_endpoint;
CREATE POLICY tenant_isolation ON delivery_endpoint TO app_web
    USING (tenant_id = (SELECT current_tenant()))
    WITH CHECK (tenant_id = (SELECT current_tenant()));

DROP POLICY IF EXISTS staff ON delivery_endpoint;
CREATE POLICY staff ON delivery_endpoint TO app_staff USING (true) WITH CHECK (true);

GRANT SELECT ON delivery_endpoint TO app_web;
GRANT INSERT, UPDATE ON delivery_endpoint TO app_worker;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0001_initial"),
        ("events", "0005_scores"),
        ("integrations", "0003_rotation_and_action_type_key"),
    ]

    operations = [
        migrations.RunSQL(
            sql=[
                """
                ALTER TABLE delivery_action ADD CONSTRAINT action_of_own_user
                FOREIGN KEY (tenant_id, user_id) REFERENCES events_trackeduser (tenant_id, user_id) ON DELETE CASCADE
                """,
                """
                ALTER TABLE delivery_action ADD CONSTRAINT action_of_own_type
                FOREIGN KEY (tenant_id, action_type_id) REFERENCES integrations_actiontype (tenant_id, id)
                """,
                """
                ALTER TABLE delivery_attempt ADD CONSTRAINT attempt_of_own_action
                FOREIGN KEY (tenant_id, action_id) REFERENCES delivery_action (tenant_id, id) ON DELETE CASCADE
                """,
            ],
            reverse_sql=[
                "ALTER TABLE delivery_attempt DROP CONSTRAINT attempt_of_own_action",
                "ALTER TABLE delivery_action DROP CONSTRAINT action_of_own_type",
                "ALTER TABLE delivery_action DROP CONSTRAINT action_of_own_user",
            ],
        ),
        isolate("delivery_action", visible=_OWN, grants="SELECT, INSERT, UPDATE"),
        isolate("delivery_attempt", visible=_OWN, grants="SELECT, INSERT"),
        migrations.RunSQL(sql=[ENDPOINT], reverse_sql=[*undo_isolation("delivery_endpoint")]),
        # Of an integration a partner changes its secret, and nothing else.
        migrations.RunSQL(
            sql=[INTEGRATION],
            reverse_sql="""
                REVOKE UPDATE (encrypted_webhook_secret, encrypted_previous_secret, previous_secret_until)
                ON integrations_partnerintegration FROM app_rt
            """,
        ),
    ]
