"""How far a tenant's decisions go by what many learned, and whose outcomes speak against that.

Of a tenant's state staff may read this one number, and nothing of what it contributes.
"""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter

from learning.models import ModelState
from learning.services import MISLEADING
from retivo.staff.pages import badge, changelist_url
from tenants.models import Tenant

_BADGES = {"Mislead": "danger"}


def using_patterns() -> QuerySet[ModelState]:
    return ModelState.objects.filter(pattern_weight__isnull=False)


def misled() -> QuerySet[ModelState]:
    """Those that the log warns of as `pattern_misleads`, when it begins."""
    return ModelState.objects.filter(pattern_weight__lt=MISLEADING)


def misled_url() -> str:
    return changelist_url("tenants", "tenant", patterns="misleading")


def shown_weight(tenant: Tenant) -> SafeString | str:
    state = ModelState.objects.filter(tenant=tenant).only("pattern_weight", "updated_at").first()
    if state is None or state.pattern_weight is None:
        return "Not used: there are none for it, it wants none, or it has learned nothing yet"
    weight, updated_at = state.pattern_weight, state.updated_at
    text = f"{weight:.1%} probable by its own outcomes, as of {updated_at:%Y-%m-%d %H:%M}"
    return format_html("{} {}", badge("Mislead", _BADGES), text) if weight < MISLEADING else text


class PatternsFilter(DropdownFilter):  # type: ignore[misc]  # unfold carries no types
    title = parameter_name = "patterns"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("misleading", "Mislead"), ("used", "Used"), ("unused", "Not used")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> QuerySet[Tenant]:
        match self.value():
            case "misleading":
                return queryset.filter(id__in=misled().values("tenant"))
            case "used":
                return queryset.filter(id__in=using_patterns().values("tenant"))
            case "unused":
                return queryset.exclude(id__in=using_patterns().values("tenant"))
        return queryset
