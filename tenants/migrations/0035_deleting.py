"""A tenant that is being deleted is let in nowhere: not by its keys, and no row of it into any table."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_TENANT = import_module("tenants.migrations.0022_ids_of_customers").TENANTS_TENANT
_controls = import_module("tenants.migrations.0025_controls")
_keys = import_module("tenants.migrations.0029_keys_guarded")


class Migration(migrations.Migration):
    dependencies = [("tenants", "0034_deletions_validated")]

    operations = [
        InForce(
            "tenants",
            "tenants_tenant",
            digest="7ab15e6c270c",
            reverse_sql=[
                _TENANT,
                "REVOKE UPDATE (delete_at) ON tenants_tenant FROM app_web",
                "REVOKE SELECT (delete_at) ON tenants_tenant FROM app_upkeep",
            ],
        ),
        # First what the others call.
        migrations.RunSQL(sql="DROP FUNCTION controls_in_force", reverse_sql=[_controls.CONTROLS_IN_FORCE]),
        InForce("tenants", "controls_in_force", digest="5460f8e04d0e", reverse_sql="DROP FUNCTION controls_in_force"),
        InForce("tenants", "controls_of_caller", digest="450d89de221f", reverse_sql=[_controls.CONTROLS_OF_CALLER]),
        InForce("tenants", "refusal_of_key", digest="222b5cddd7c5", reverse_sql=[_controls.REFUSAL_OF_KEY]),
        InForce("tenants", "authenticate_api_key", digest="8f60691b65f1", reverse_sql=[_keys.AUTHENTICATE]),
        InForce("tenants", "apply_controls", digest="5381d96d6ce0", reverse_sql=[_controls.APPLY_CONTROLS]),
        InForce("tenants", "note_switches", digest="a80c654e8fa3", reverse_sql=[_controls.NOTE_SWITCHES]),
        InForce(
            "tenants",
            "refuse_late_restore",
            digest="6c8367778b37",
            reverse_sql=["DROP TRIGGER restored_in_time ON tenants_tenant", "DROP FUNCTION refuse_late_restore"],
        ),
        # Its triggers are made by `migrate` itself.
        InForce(
            "tenants",
            "refuse_while_deleting",
            digest="b66f214192dd",
            reverse_sql="DROP FUNCTION refuse_while_deleting CASCADE",
        ),
    ]
