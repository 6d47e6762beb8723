"""The groups of staff: who sees, who operates, who may do all.

| group       | may                                                                                               |
|-------------|---------------------------------------------------------------------------------------------------|
| `viewer`    | look at everything of ours; not at Django's users and groups                                      |
| `operator`  | also make partners, issue and revoke keys, suspend tenants, switch integrations, steer roll-outs |
| `superuser` | everything, users and groups included                                                             |

`accounts.sync_groups` rewrites them after each migration, so the staff pages refuse to change them. Staff may add other
groups.
"""

from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Permission
from django.db.models import Q, QuerySet

# By name: an integration is made in an app above this one.
OPERATED = ("tenant", "apikey", "partnerintegration", "actionrow", "endpointrow", "webhook", "rollout")

NAMES = ("viewer", "operator", "superuser")


def permissions() -> dict[str, QuerySet[Permission]]:
    """What each of `NAMES` holds, by the models that there are now."""
    of_ours = Permission.objects.filter(content_type__app_label__in=_our_apps())
    views = Q(codename__startswith="view_")
    operations = Q(codename__in=[f"{verb}_{model}" for verb in ("add", "change") for model in OPERATED])
    held = (of_ours.filter(views), of_ours.filter(views | operations), Permission.objects.all())
    return dict(zip(NAMES, held, strict=True))


def _our_apps() -> list[str]:
    return [app.label for app in apps.get_app_configs() if Path(app.path).parent == settings.BASE_DIR]
