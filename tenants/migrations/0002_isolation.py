"""The database's own rules: whose child a tenant may be, and who sees which row."""

from django.db import migrations

from retivo.database.rls import isolate, undo_isolation
from retivo.database.sql import InForce

_OWN_OR_CUSTOMERS = """
    tenant_id = {tenant}
    OR EXISTS (SELECT 1 FROM tenants_tenant t WHERE t.id = tenants_apikey.tenant_id AND t.parent_id = {tenant})
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql="""
                ALTER TABLE tenants_tenant ADD CONSTRAINT tenant_parent_is_a_partner
                FOREIGN KEY (parent_id, parent_role) REFERENCES tenants_tenant (id, tenant_role)
            """,
            reverse_sql="ALTER TABLE tenants_tenant DROP CONSTRAINT tenant_parent_is_a_partner",
        ),
        isolate("tenants_tenant", visible="id = {tenant} OR parent_id = {tenant}", grants="SELECT, INSERT"),
        isolate("tenants_apikey", visible=_OWN_OR_CUSTOMERS, grants="SELECT, INSERT"),
        isolate("tenants_auditentry", visible=_OWN_OR_CUSTOMERS.replace("apikey", "auditentry"), grants="INSERT"),
        InForce(
            "tenants",
            "tenants_idempotentanswer",
            digest="4e92fedd36e4",
            reverse_sql=undo_isolation("tenants_idempotentanswer"),
        ),
    ]
