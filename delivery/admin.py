"""Staff pages of actions and failing receivers: read-only, but an action is replayed and an endpoint reset."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter, DropdownFilter

from delivery import services
from delivery.models import ActionRow, ActionStatus, Attempt, EndpointRow, Webhook
from delivery.webhooks.admin import PartnerEventAdmin, WebhookAdmin
from integrations.models import ActionType, RevisionTemplate
from retivo.api.errors import Problem
from retivo.staff.pages import ROWS_SHOWN, StaffAdmin, Table, actor, code, column, link, page_action, url_of
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
ENDPOINT_BADGES = {"Well": "success", "Slow": "warning", "Failing": "warning", "Open": "danger", "Disabled": "danger"}

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

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        action = self.get_object(request, unquote(object_id))
        is_failed = action is not None and action.status == ActionStatus.FAILED
        return super().get_actions_detail(request, object_id) if is_failed else []

    @page_action(title="Replay", path="replay", permission="delivery.change_actionrow", icon="replay")
    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        action = self.get_object(request, unquote(object_id))
        if action is None:
            return self.gone(request, object_id)
        if request.method == "POST":
            try:
                services.replay(tenant_id=action.tenant_id, action_id=action.id, actor=actor(request))
                self.message_user(request, "It is on its way again.", messages.SUCCESS)
            except Problem as problem:
                self.message_user(request, problem.detail, messages.ERROR)
            return redirect(url_of(action))
        return self.form_page(
            request,
            forms.Form(),
            title="Replay this action?",
            text="It is sent again under the same id, with the whole schedule of retries before it.",
            submit="Replay",
            back=url_of(action),
            obj=action,
        )


def unwell() -> QuerySet[EndpointRow]:
    """Those to which nothing is sent now."""
    return EndpointRow.objects.filter(Q(open_until__gt=timezone.now()) | Q(disabled_at__isnull=False))


class CircuitFilter(DropdownFilter):  # type: ignore[misc]  # unfold carries no types
    title = parameter_name = "circuit"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name.lower(), name) for name in ENDPOINT_BADGES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[EndpointRow]) -> QuerySet[EndpointRow]:
        enabled, is_open = queryset.filter(disabled_at=None), Q(open_until__gt=timezone.now())
        match self.value():
            case "disabled":
                return queryset.exclude(disabled_at=None)
            case "open":
                return enabled.filter(is_open)
            case "failing":
                return enabled.exclude(is_open).filter(consecutive_failures__gt=0)
            case "well":
                return enabled.exclude(is_open).filter(consecutive_failures=0)
        return queryset


@admin.register(EndpointRow)
class EndpointAdmin(StaffAdmin):
    """Those that failed at some time; one that never did has no row."""

    search_fields = ["url", "tenant__name", "tenant__slug"]
    search_help_text = "URL or tenant"
    list_display = ["url", "tenant_link", "circuit", "consecutive_failures", "open_until", "last_failure"]
    list_filter = [CircuitFilter, ("tenant", AutocompleteSelectFilter)]
    list_select_related = ["tenant"]
    ordering = ["-consecutive_failures", "id"]
    fields = [
        ("url", "circuit"),
        ("tenant_link", "consecutive_failures"),
        ("open_until", "openings"),
        ("last_failure", "last_failure_at"),
        ("disabled_at", "slow_since"),
        "id",
    ]
    readonly_fields = ["tenant_link", "circuit"]
    actions_detail = ["reset"]

    @column("Tenant")
    def tenant_link(self, endpoint: EndpointRow) -> SafeString:
        return link(url_of(endpoint.tenant), endpoint.tenant)

    @column("Circuit", badges=ENDPOINT_BADGES)
    def circuit(self, endpoint: EndpointRow) -> str:
        if endpoint.disabled_at is not None:
            return "Disabled"
        if endpoint.open_until is not None and endpoint.open_until > timezone.now():
            return "Open"
        if endpoint.consecutive_failures:
            return "Failing"
        return "Slow" if endpoint.slow_since is not None else "Well"

    def tables(self, request: HttpRequest, endpoint: EndpointRow) -> list[Table]:
        """What is registered to be sent there, by the endpoint's tenant."""
        here = {"tenant_id": endpoint.tenant_id, "delivery_webhook": endpoint.url}
        shared = RevisionTemplate.objects.filter(**here).select_related("integration").order_by("name", "revision")
        own = ActionType.objects.filter(**here, template=None).order_by("name", "id")
        rows: list[tuple[SafeString, object]] = [
            (code(each.name), link(url_of(each.integration), f"{each.integration}, revision {each.revision}"))
            for each in shared
        ]
        rows += [(link(url_of(each), each.name), "Own") for each in own]
        return [Table(title="Action types", headers=["Name", "Origin"], rows=rows[:ROWS_SHOWN], total=len(rows))]

    @page_action(title="Reset", path="reset", permission="delivery.change_endpointrow", icon="restart_alt")
    def reset(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self.get_object(request, unquote(object_id))
        if endpoint is None:
            return self.gone(request, object_id)
        if request.method == "POST":
            services.reset_endpoint(owner_id=endpoint.tenant_id, endpoint_id=endpoint.id, actor=actor(request))
            self.message_user(request, "It is tried again from now on.", messages.SUCCESS)
            return redirect(url_of(endpoint))
        return self.form_page(
            request,
            forms.Form(),
            title="Reset this endpoint?",
            text="Its circuit closes, and it is enabled where it answered 410: what is due for it is sent at once.",
            submit="Reset",
            back=url_of(endpoint),
            obj=endpoint,
        )
