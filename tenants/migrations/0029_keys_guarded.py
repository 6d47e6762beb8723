"""Partners and customers manage keys; a key may be bound to networks, and its partner is told of its first use."""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_controls = import_module("tenants.migrations.0025_controls")
_roles = import_module("tenants.migrations.0019_roles_of_their_own")
_told = import_module("tenants.migrations.0023_partner_events")

# authenticate_api_key belongs to app_auth, whose rights the owner of the tables has to take.
_DROP = "SET LOCAL ROLE app_auth; DROP FUNCTION authenticate_api_key({}); RESET ROLE"


def _constrained(constraint: models.UniqueConstraint) -> migrations.RunSQL:
    name = constraint.name
    return migrations.RunSQL(
        sql=f"ALTER TABLE tenants_apikey ADD CONSTRAINT {name} UNIQUE USING INDEX {name}",
        reverse_sql=f"ALTER TABLE tenants_apikey DROP CONSTRAINT {name}",
        state_operations=[migrations.AddConstraint("apikey", constraint)],
    )


class Migration(migrations.Migration):
    dependencies = [("tenants", "0028_keys_of_partners_found")]

    operations = [
        _constrained(models.UniqueConstraint(fields=("id", "tenant"), name="api_key_id_tenant")),
        _constrained(models.UniqueConstraint(fields=("replaces",), name="api_key_replaces_unique")),
        migrations.RunSQL(
            sql="""
                ALTER TABLE tenants_apikey ADD CONSTRAINT api_key_replaces_own FOREIGN KEY (replaces_id, tenant_id)
                    REFERENCES tenants_apikey (id, tenant_id) ON DELETE SET NULL (replaces_id)
            """,
            reverse_sql="ALTER TABLE tenants_apikey DROP CONSTRAINT api_key_replaces_own",
        ),
        migrations.RunSQL(sql=[_DROP.format("bytea")], reverse_sql=migrations.RunSQL.noop),
        InForce(
            "tenants",
            "authenticate_api_key",
            digest="ccc588947996",
            reverse_sql=[_DROP.format("bytea, inet"), _controls.AUTHENTICATE],
        ),
        InForce(
            "tenants",
            "tenants_apikey",
            digest="683237f95696",
            reverse_sql=[
                "DROP POLICY upkeep ON tenants_apikey",
                "REVOKE ALL ON tenants_apikey FROM app_web, app_worker, app_upkeep, app_auth",
                _roles.TENANTS_APIKEY,
            ],
        ),
        InForce(
            "tenants",
            "guard_api_key",
            digest="678b719813d2",
            reverse_sql=["DROP TRIGGER guard_api_key ON tenants_apikey", "DROP FUNCTION guard_api_key"],
        ),
        InForce(
            "tenants",
            "announce_first_use",
            digest="7f030354f982",
            reverse_sql=["DROP TRIGGER first_use ON tenants_apikey", "DROP FUNCTION announce_first_use"],
        ),
        InForce("tenants", "revoke_leaked_key", digest="250e757a1d95", reverse_sql=[_told.REVOKE_LEAKED_KEY]),
    ]
