"""A share is at a revision; those of before are at the first. The columns are added to the catalogue alone."""

from importlib import import_module

from django.db import migrations, models

_isolation = import_module("integrations.migrations.0002_isolation")

# As they were until shares began anew.
SHARE = """\
-- A customer sees what is shared with it, and a partner sees what it shares. Only a partner creates shares,
-- moves them to another revision and ends them.
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
GRANT UPDATE (revision, ended_at) ON integrations_integrationshare TO app_web;
"""


class Migration(migrations.Migration):
    dependencies = [("integrations", "0011_revisions")]

    operations = [
        migrations.AddField(
            model_name="integrationshare",
            name="ended_at",
            field=models.DateTimeField(
                help_text="The customer has it no more; the row stays for its actions of before", null=True
            ),
        ),
        migrations.AddField(
            model_name="integrationshare",
            name="revision",
            field=models.IntegerField(db_default=1, default=1),
        ),
        migrations.RunSQL(
            sql=[SHARE],
            reverse_sql=[
                "REVOKE UPDATE (revision, ended_at) ON integrations_integrationshare FROM app_web",
                _isolation.SHARE,
            ],
        ),
    ]
