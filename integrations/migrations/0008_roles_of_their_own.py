"""As tenants.0019: web, workers, staff and releases log in as roles of their own."""

from importlib import import_module

from django.db import migrations

_roles = import_module("tenants.migrations.0019_roles_of_their_own")
_isolation = import_module("delivery.migrations.0002_isolation")
_shares = import_module("integrations.migrations.0002_isolation")
_action_types = import_module("integrations.migrations.0006_who_changes_action_types")

_LATER = dict.fromkeys(
    (
        "first_revision",
        "forget_rollouts",
        "held_parts",
        "hold_names",
        "integrations_revision",
        "integrations_revisiontemplate",
        "integrations_rollout",
        "integrations_rolloutcustomer",
        "integrations_secretversion",
        "integrations_sharing",
        "note_address",
        "note_secret_version",
        "refuse_change",
        "shadowed_names",
        "skip_later_templates",
    )
) | {
    "integrations_actiontype": _action_types.ACTION_TYPE,
    "integrations_actiontypetemplate": _shares.TEMPLATE,
    "integrations_integrationshare": _shares.SHARE,
    "integrations_partnerintegration": _isolation.INTEGRATION,
    "refuse_shared_action_type": _action_types.REFUSE_SHARED,
}


class Migration(migrations.Migration):
    atomic = False  # a file's locks end with it

    dependencies = [("tenants", "0019_roles_of_their_own"), ("integrations", "0007_fewer_indexes")]

    operations = [_roles.anew("integrations", later=_LATER)]
