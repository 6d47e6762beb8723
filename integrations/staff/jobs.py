"""What the pages of an integration's jobs share: of roll-outs, and of sharings with all customers."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.models import Rollout, Sharing
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

Job = Rollout | Sharing

BADGES = {
    "Planned": "default",
    "Running": "info",
    "Paused": "warning",
    "Completed": "success",
    "Rolled back": "warning",
    "Aborted": "danger",
}


class JobAdmin(StaffAdmin):
    """The newest first, each with a bar."""

    bar_title = ""  # on its page
    search_fields = ["id", "integration__provider", "tenant__name", "tenant__slug"]
    search_help_text = "Id, provider or partner"
    list_select_related = ["integration", "tenant"]
    ordering = ["-created_at", "-id"]
    readonly_fields: Sequence[str] = ["integration_link", "partner", "status_badge"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request).defer("integration__encrypted_webhook_secret")
        return found

    @column("Integration")
    def integration_link(self, job: Job) -> SafeString:
        return link(url_of(job.integration), job.integration)

    @column("Partner")
    def partner(self, job: Job) -> SafeString:
        return link(url_of(job.tenant), job.tenant)

    @column("Status", badges=BADGES)
    def status_badge(self, job: Job) -> str:
        return _status(job)

    @column("Progress")
    def progress(self, job: Job) -> SafeString:
        return _bar(job)

    def tables(self, request: HttpRequest, job: Job) -> list[Table | Figure]:
        data = {"period": _count(job), "done": _done(job), "total": max(job.total, 1)}
        return [Figure(title=self.bar_title, template="staff/progress.html", data=data)]


def table(model: type[Job], *, title: str, integration_id: UUID, also: Sequence[str] = ()) -> Table:
    """Jobs of an integration.

    Args:
        also: fields that are shown, too.
    """
    jobs: QuerySet[Any] = model._default_manager.filter(integration_id=integration_id)
    return Table(
        title=title,
        headers=["Id", *(name.capitalize() for name in also), "Status", "Progress", "Begun"],
        rows=[
            (
                link(url_of(job), code(job.id)),
                *(getattr(job, name) for name in also),
                shown_status(job),
                _bar(job),
                day(job.created_at),
            )
            for job in jobs.order_by("-created_at", "-id")[:ROWS_SHOWN]
        ],
        total=jobs.count(),
        all_url=changelist_url("integrations", str(model._meta.model_name), integration__id__exact=integration_id),
    )


def shown_status(job: Job) -> SafeString:
    return badge(_status(job), BADGES)


def _status(job: Job) -> str:
    return str(job.status).replace("_", " ").capitalize()


def _done(job: Job) -> int:
    return job.moved if isinstance(job, Rollout) else job.shared


def _count(job: Job) -> str:
    return f"{_done(job):,} of {job.total:,}"


def _bar(job: Job) -> SafeString:
    return format_html("{} {}", progress(_done(job), job.total), _count(job))
