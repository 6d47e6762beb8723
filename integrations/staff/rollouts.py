"""Staff pages of roll-outs: how far each is, and the buttons that a partner has, too."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.models import PartnerIntegration, Rollout
from integrations.rollouts import services
from retivo.api.errors import Problem
from retivo.staff.pages import (
    ROWS_SHOWN,
    Figure,
    StaffAdmin,
    Table,
    actor,
    badge,
    changelist_url,
    code,
    column,
    day,
    link,
    page_action,
    progress,
    url_of,
)

BADGES = {
    "Planned": "default",
    "Running": "info",
    "Paused": "warning",
    "Completed": "success",
    "Rolled Back": "warning",
    "Aborted": "danger",
}
_CHANGE = "integrations.change_rollout"


class RolloutAdmin(StaffAdmin):
    """The newest first."""

    search_fields = ["id", "integration__provider", "tenant__name", "tenant__slug"]
    search_help_text = "Id, provider or partner"
    list_display = ["id", "integration_link", "partner", "revision", "status_badge", "progress", "created_at"]
    list_filter = ["status"]
    list_select_related = ["integration", "tenant"]
    ordering = ["-created_at", "-id"]
    fields = [
        ("id", "status_badge"),
        ("integration_link", "partner"),
        ("revision", "revision_before"),
        ("total", "moved"),
        ("stage", "stage_ends_at"),
        ("created_at", "finished_at"),
        "asked_by",
        "target",
        "stages",
        ("guard", "guard_seen"),
    ]
    readonly_fields = ["integration_link", "partner", "status_badge"]
    actions_detail = ["roll_back", "pause", "resume"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request).defer("integration__encrypted_webhook_secret")
        return found

    @column("Integration")
    def integration_link(self, rollout: Rollout) -> SafeString:
        return link(url_of(rollout.integration), rollout.integration)

    @column("Partner")
    def partner(self, rollout: Rollout) -> SafeString:
        return link(url_of(rollout.tenant), rollout.tenant)

    @column("Status", badges=BADGES)
    def status_badge(self, rollout: Rollout) -> str:
        return str(rollout.get_status_display())

    @column("Moved")
    def progress(self, rollout: Rollout) -> SafeString:
        return _bar(rollout)

    def tables(self, request: HttpRequest, rollout: Rollout) -> list[Table | Figure]:
        data = {"period": _count(rollout), "done": rollout.moved, "total": max(rollout.total, 1)}
        return [Figure(title="Customers moved", template="staff/progress.html", data=data)]

    @page_action(title="Roll back", path="roll-back", permission=_CHANGE, icon="undo")
    def roll_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        text = "All that it moved go back to the revision that each had, and whoever got the revision since."
        return self._steer(
            request,
            object_id,
            steer=services.roll_back,
            submit="Roll back",
            done="Customers are being moved back.",
            text=text,
        )

    @page_action(title="Pause", path="pause", permission=_CHANGE, icon="pause")
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._steer(
            request,
            object_id,
            steer=services.pause,
            submit="Pause",
            done="It moves nobody until it is resumed.",
        )

    @page_action(title="Resume", path="resume", permission=_CHANGE, icon="play_arrow")
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._steer(request, object_id, steer=services.resume, submit="Resume", done="It goes on.")

    def _steer(
        self,
        request: HttpRequest,
        object_id: str,
        *,
        steer: Callable[..., Rollout],
        submit: str,
        done: str,
        text: str = "",
    ) -> HttpResponse:
        rollout = self.get_object(request, unquote(object_id))
        if rollout is None:
            return self.gone(request, object_id)
        if request.method == "POST":
            try:
                steer(actor=actor(request), partner_id=rollout.tenant_id, rollout_id=rollout.id)
                self.message_user(request, done, messages.SUCCESS)
            except Problem as problem:
                self.message_user(request, problem.detail, messages.ERROR)
            return redirect(url_of(rollout))
        return self.form_page(
            request,
            forms.Form(),
            title=f"{submit} this roll-out?",
            text=text or done,
            submit=submit,
            back=url_of(rollout),
            obj=rollout,
        )


def table(integration: PartnerIntegration) -> Table:
    """An integration's roll-outs."""
    rollouts = Rollout.objects.filter(integration_id=integration.id).order_by("-created_at", "-id")
    return Table(
        title="Roll-outs",
        headers=["Id", "Revision", "Status", "Moved", "Begun"],
        rows=[
            (
                link(url_of(rollout), code(rollout.id)),
                rollout.revision,
                badge(rollout.get_status_display(), BADGES),
                _bar(rollout),
                day(rollout.created_at),
            )
            for rollout in rollouts[:ROWS_SHOWN]
        ],
        total=rollouts.count(),
        all_url=changelist_url("integrations", "rollout", integration__id__exact=integration.id),
    )


def _count(rollout: Rollout) -> str:
    return f"{rollout.moved:,} of {rollout.total:,}"


def _bar(rollout: Rollout) -> SafeString:
    return format_html("{} {}", progress(rollout.moved, rollout.total), _count(rollout))
