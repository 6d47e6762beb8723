"""Staff pages of sharings with all customers: how far each is."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.models import PartnerIntegration, Sharing
from retivo.staff.pages import (
    ROWS_SHOWN,
    Figure,
    StaffAdmin,
    Table,
    badge,
    changelist_url,
    code,
    column,
    day,
    link,
    progress,
    url_of,
)

BADGES = {"Running": "info", "Completed": "success"}


class SharingAdmin(StaffAdmin):
    """The newest first."""

    search_fields = ["id", "integration__provider", "tenant__name", "tenant__slug"]
    search_help_text = "Id, provider or partner"
    list_display = ["id", "integration_link", "partner", "status_badge", "progress", "created_at"]
    list_select_related = ["integration", "tenant"]
    ordering = ["-created_at", "-id"]
    fields = [
        ("id", "status_badge"),
        ("integration_link", "partner"),
        ("total", "shared"),
        ("created_at", "finished_at"),
        "asked_by",
    ]
    readonly_fields = ["integration_link", "partner", "status_badge"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request).defer("integration__encrypted_webhook_secret")
        return found

    @column("Integration")
    def integration_link(self, sharing: Sharing) -> SafeString:
        return link(url_of(sharing.integration), sharing.integration)

    @column("Partner")
    def partner(self, sharing: Sharing) -> SafeString:
        return link(url_of(sharing.tenant), sharing.tenant)

    @column("Status", badges=BADGES)
    def status_badge(self, sharing: Sharing) -> str:
        return _status(sharing)

    @column("Shared")
    def progress(self, sharing: Sharing) -> SafeString:
        return _bar(sharing)

    def tables(self, request: HttpRequest, sharing: Sharing) -> list[Table | Figure]:
        data = {"period": _count(sharing), "done": sharing.shared, "total": max(sharing.total, 1)}
        return [Figure(title="Customers that got it", template="staff/progress.html", data=data)]


def table(integration: PartnerIntegration) -> Table:
    """An integration's sharings with all."""
    sharings = Sharing.objects.filter(integration_id=integration.id).order_by("-created_at", "-id")
    return Table(
        title="Sharings with all customers",
        headers=["Id", "Status", "Shared", "Begun"],
        rows=[
            (
                link(url_of(sharing), code(sharing.id)),
                badge(_status(sharing), BADGES),
                _bar(sharing),
                day(sharing.created_at),
            )
            for sharing in sharings[:ROWS_SHOWN]
        ],
        total=sharings.count(),
        all_url=changelist_url("integrations", "sharing", integration__id__exact=integration.id),
    )


def _status(sharing: Sharing) -> str:
    return "Completed" if sharing.finished_at else "Running"


def _count(sharing: Sharing) -> str:
    return f"{sharing.shared:,} of {sharing.total:,}"


def _bar(sharing: Sharing) -> SafeString:
    return format_html("{} {}", progress(sharing.shared, sharing.total), _count(sharing))
