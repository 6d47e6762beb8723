"""The groups of staff: who sees, who operates, who may do all.

| group       | may                                                                                               |
|-------------|---------------------------------------------------------------------------------------------------|
| `viewer`    | look at everything of ours; not at Django's users and groups                                      |
| `operator`  | also make partners, issue and revoke keys, suspend tenants, switch integrations off, replay actions |
| `superuser` | everything, users and groups included                                                             |
"""

from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet

# By name: an integration is made in an app above this one.
OPERATED = ("tenant", "apikey", "partnerintegration", "actionrow", "endpointrow")


def sync() -> None:
    """Give each group exactly its permissions. Safe to repeat: after each migration, as models come and go."""
    for name, permissions in _groups().items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set(permissions)


def _groups() -> dict[str, QuerySet[Permission]]:
    of_ours = Permission.objects.filter(content_type__app_label__in=_our_apps())
    views = Q(codename__startswith="view_")
    operations = Q(codename__in=[f"{verb}_{model}" for verb in ("add", "change") for model in OPERATED])
    return {
        "viewer": of_ours.filter(views),
        "operator": of_ours.filter(views | operations),
        "superuser": Permission.objects.all(),
    }


def _our_apps() -> list[str]:
    return [app.label for app in apps.get_app_configs() if Path(app.path).parent == settings.BASE_DIR]
