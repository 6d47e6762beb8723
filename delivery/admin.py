"""Staff pages of actions, which are read-only, but one that failed is replayed; and those of this room's folders."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from delivery import services
from delivery.endpoints.admin import EndpointAdmin
from delivery.models import ActionRow, ActionStatus, Attempt, EndpointRow, Webhook
from delivery.webhooks.admin import PartnerEventAdmin, WebhookAdmin
from retivo.staff.pages import ROWS_SHOWN, Table, actor, code, column, link, page_action
from tenants.models import PartnerEvent
from tenants.staff.newest import ExactFilter, NewestAdmin

ACTION_BADGES = {
    "Pending": "default",
    "Dispatched": "info",
    "Delivered": "primary",
    "Completed": "success",
    "Failed": "danger",
    "Expired": "warning",
}
_OUTCOME = ("outcome_status", "outcome_by", "outcome_result")

admin.site.register(EndpointRow, EndpointAdmin)
admin.site.register(Webhook, WebhookAdmin)
admin.site.register(PartnerEvent, PartnerEventAdmin)


class ActionTypeFilter(ExactFilter):
    title, parameter_name = "action type", "action_type"


class ProviderFilter(ExactFilter):
    title = parameter_name = "provider"


@admin.register(ActionRow)
class ActionAdmin(NewestAdmin):
    id_prefix = "ea_"
    search_help_text = "The id of an action or of a user"
    list_display = ["short_id", "moment", "tenant_link", "action_type", "user_id", "shown_status", "attempts"]
    list_filter = [
        ("tenant", AutocompleteSelectFilter),
        ("status", ChoicesDropdownFilter),
        ("failure_reason", ChoicesDropdownFilter),
        ActionTypeFilter,
        ProviderFilter,
        ("created_at", admin.DateFieldListFilter),
    ]
    fields = [
        "id",
        ("tenant_link", "user_id"),
        ("action_type", "shown_status"),
        ("provider", "domain"),
        "decision_link",
        "request_id",
        ("created_at", "expires_at"),
        ("due_at", "delivered_at"),
        ("failure_reason", "attempts"),
        _OUTCOME,
        "parameters",
    ]
    readonly_fields = ["tenant_link", "shown_status", "decision_link"]
    actions_detail = ["replay"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields: list[Any] = super().get_fields(request, obj)
        return [each for each in fields if each != _OUTCOME or (obj and obj.outcome_status)]

    @column("Decision")
    def decision_link(self, action: ActionRow) -> SafeString | str:
        # By name: a decision is made in an app above this one.
        page = "admin:decisions_decisionrow_change"
        return link(reverse(page, args=[quote(action.decision_id)]), action.decision_id) if action.decision_id else "-"

    @column("Status", badges=ACTION_BADGES)
    def shown_status(self, action: ActionRow) -> str:
        return ActionStatus(action.status).label

    def tables(self, request: HttpRequest, action: ActionRow) -> list[Table]:
        attempts = Attempt.objects.filter(tenant_id=action.tenant_id, action_id=action.id).order_by("-number")
        return [
            Table(
                title="Attempts",
                headers=["Number", "Started", "Latency", "Answer", "Its beginning", "Its outcome"],
                rows=[
                    (
                        attempt.number,
                        f"{attempt.started_at:%Y-%m-%d %H:%M:%S}",
                        f"{attempt.latency_ms:,} ms",
                        attempt.status_code or attempt.error,
                        code(attempt.response[:200]),
                        f"Not taken: {attempt.outcome_refusal}" if attempt.outcome_refusal else "",
                    )
                    for attempt in attempts[:ROWS_SHOWN]
                ],
                total=attempts.count(),
            )
        ]

    def refusal(self, request: HttpRequest, obj: ActionRow, path: str) -> str:
        if obj.status != ActionStatus.FAILED:
            return f"Only a failed action is replayed; this one is {obj.status}."
        if obj.expires_at <= timezone.now():
            return "This action has expired and will no longer be sent."
        return super().refusal(request, obj, path)

    @page_action(title="Replay", path="replay", permission="delivery.change_actionrow", icon="replay")
    def replay(self, request: HttpRequest, action: ActionRow) -> HttpResponse:
        return self.asked(
            request,
            action,
            lambda action, _: services.replay(tenant_id=action.tenant_id, action_id=action.id, actor=actor(request)),
            title="Replay this action?",
            text="The action is sent again under the same id, and retried as if it were new.",
            submit="Replay",
            done="The action is sent again.",
        )
