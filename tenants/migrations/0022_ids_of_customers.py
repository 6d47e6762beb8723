"""What a partner calls a customer, keeps with it and finds it by.

The stored column has the table written anew under its lock: a second or two for 100,000 tenants.
"""

from importlib import import_module

from django.db import migrations, models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Concat, Lower, Now

from retivo.database.sql import InForce

_before = import_module("tenants.migrations.0015_config_by_partner").TENANTS_TENANT

# As it was until customers could be deleted.
TENANTS_TENANT = """\
-- A tenant sees itself, and a partner its customers.
ALTER TABLE tenants_tenant ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_tenant;
CREATE POLICY tenant_isolation ON tenants_tenant TO app_web
    USING (
        id = (SELECT current_tenant())
        OR parent_id = (SELECT current_tenant())
    )
    WITH CHECK (
        id = (SELECT current_tenant())
        OR parent_id = (SELECT current_tenant())
    );

DROP POLICY IF EXISTS staff ON tenants_tenant;
CREATE POLICY staff ON tenants_tenant TO app_staff USING (true) WITH CHECK (true);

-- authenticate_api_key runs before there is a context.
DROP POLICY IF EXISTS key_lookup ON tenants_tenant;
CREATE POLICY key_lookup ON tenants_tenant FOR SELECT TO app_auth USING (true);

GRANT SELECT, INSERT ON tenants_tenant TO app_web;
-- Not suspended_by_staff, so no partner lifts a suspension by staff. See also the trigger own_plan.
GRANT UPDATE (
    name, config, config_by_partner, kill_switch_active, shadow_mode, plan_tier, plan_status, tracked_user_limit,
    external_id, metadata, updated_at
) ON tenants_tenant TO app_web;
GRANT SELECT ON tenants_tenant TO app_auth;

-- Rounds look for tenants that have work.
DROP POLICY IF EXISTS upkeep ON tenants_tenant;
CREATE POLICY upkeep ON tenants_tenant FOR SELECT TO app_upkeep USING (true);
GRANT SELECT (id, created_at, plan_status, config) ON tenants_tenant TO app_upkeep;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0021_scopes_validated")]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="external_id",
            field=models.CharField(blank=True, editable=False, max_length=255, null=True),
        ),
        migrations.AddField(
            model_name="tenant",
            name="metadata",
            field=models.JSONField(db_default=Value({}, models.JSONField()), default=dict, editable=False),
        ),
        migrations.AddField(
            model_name="tenant",
            name="updated_at",
            field=models.DateTimeField(db_default=Now(), editable=False),
        ),
        migrations.AddField(
            model_name="tenant",
            name="search",
            field=models.GeneratedField(
                db_persist=True,
                expression=Lower(Concat("name", Value("\n"), "slug", Value("\n"), Coalesce("external_id", Value("")))),
                output_field=models.TextField(db_collation="C"),
            ),
        ),
        InForce("tenants", "is_metadata", digest="7990a3f8d9ea", reverse_sql="DROP FUNCTION is_metadata"),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.UniqueConstraint(
                condition=Q(external_id__isnull=False),
                fields=["parent", "external_id"],
                name="tenant_external_id_unique_under_parent",
            ),
        ),
        migrations.AddConstraint(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=Q(external_id=None) | Q(parent__isnull=False, external_id__regex="^[^[:cntrl:]]{1,255}$"),
                name="tenant_external_id_of_customer",
            ),
        ),
        migrations.RunSQL(
            sql="ALTER TABLE tenants_tenant ADD CONSTRAINT tenant_metadata_fits CHECK (is_metadata(metadata))",
            reverse_sql="ALTER TABLE tenants_tenant DROP CONSTRAINT tenant_metadata_fits",
        ),
        migrations.RunSQL(
            sql=[TENANTS_TENANT],
            reverse_sql=["REVOKE UPDATE (external_id, metadata, updated_at) ON tenants_tenant FROM app_web", _before],
        ),
    ]
