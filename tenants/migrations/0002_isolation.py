"""The database's own rules: whose child a tenant may be, and who sees which row."""

from django.db import migrations

from retivo.database.rls import isolate

_OWN_OR_CUSTOMERS = """
    tenant_id = {{tenant}}
    OR EXISTS (SELECT 1 FROM tenants_tenant t WHERE t.id = {table}.tenant_id AND t.parent_id = {{tenant}})
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
        isolate("tenants_apikey", visible=_OWN_OR_CUSTOMERS.format(table="tenants_apikey"), grants="SELECT, INSERT"),
        isolate("tenants_auditentry", visible=_OWN_OR_CUSTOMERS.format(table="tenants_auditentry"), grants="INSERT"),
        isolate("tenants_idempotentanswer", visible="tenant_id = {tenant}", grants="SELECT, INSERT, UPDATE, DELETE"),
    ]
