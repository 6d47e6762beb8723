"""Staff pages of sharings with all customers: how far each is."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter

from integrations.models import Sharing
from integrations.staff.jobs import JobAdmin


class SharingStatusFilter(DropdownFilter):  # type: ignore[misc]  # unfold carries no types
    title = parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("running", "Running"), ("completed", "Completed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Sharing]) -> QuerySet[Sharing]:
        is_running = {"running": True, "completed": False}.get(self.value() or "")
        return queryset if is_running is None else queryset.filter(finished_at__isnull=is_running)


class SharingAdmin(JobAdmin):
    bar_title = "Customers that got it"
    list_display = ["id", "integration_link", "partner", "status_badge", "progress", "created_at"]
    help_texts = {"total": "Customers that did not have it when the sharing began."}
    list_filter = [SharingStatusFilter]
    fields = [
        "id",
        ("integration_link", "partner"),
        ("status_badge", "asked_by"),
        ("total", "shared"),
        ("created_at", "finished_at"),
    ]
