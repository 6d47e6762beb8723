"""Staff pages of partners' events and webhooks: read-only, but past events are replayed to a webhook."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from delivery.models import DeliveryStatus, Webhook, WebhookAttempt, WebhookDelivery, WebhookReader
from delivery.webhooks import services
from retivo.staff.pages import ROWS_SHOWN, StaffAdmin, Table, actor, badge, code, column, link, page_action, url_of
from tenants.feed import DAYS_KEPT
from tenants.models import PartnerEvent, Tenant
from tenants.staff.newest import ExactFilter, NewestAdmin

WEBHOOK_BADGES = {"On": "success", "Off": "default", "Disabled": "danger", "Deleted": "warning"}
_DELIVERY_BADGES = {"Pending": "default", "Delivered": "success", "Failed": "danger"}


class TypeFilter(ExactFilter):
    title = parameter_name = "type"


class CustomerFilter(ExactFilter):
    title, parameter_name = "the id of a customer", "customer_id"


class PartnerEventAdmin(NewestAdmin):
    """What partners are told of themselves and their customers."""

    id_prefix = "evt_"
    search_help_text = "The id of an event"
    list_display = ["short_id", "moment", "tenant_link", "seq", "type", "customer_link"]
    list_filter = [
        ("tenant", AutocompleteSelectFilter),
        TypeFilter,
        CustomerFilter,
        ("created_at", admin.DateFieldListFilter),
    ]
    fields = [
        "id",
        ("tenant_link", "seq"),
        ("type", "version"),
        ("customer_link", "external_id"),
        ("actor", "created_at"),
        "request_id",
        "data",
        "previous",
    ]
    readonly_fields = ["tenant_link", "customer_link"]
    help_texts = {
        "seq": "Its number in the partner's feed, without gaps.",
        "external_id": "What the partner called the customer when this happened.",
        "previous": "What the members of the data that changed were before.",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        names = Tenant.objects.filter(id=OuterRef("customer_id")).values("name")
        found: QuerySet[Any] = super().get_queryset(request)
        named: QuerySet[Any] = found.annotate(customer_name=Subquery(names))
        return named

    @column("Customer")
    def customer_link(self, event: Any) -> SafeString | str:
        if event.customer_name is None:  # the event outlives it
            return "-" if event.customer_id is None else str(event.customer_id)
        return link(url_of(Tenant(pk=event.customer_id)), event.customer_name)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(id=term) if term else queryset), False

    def tables(self, request: HttpRequest, event: PartnerEvent) -> list[Table]:
        deliveries = WebhookDelivery.objects.filter(event_id=event.id).select_related("webhook").order_by("webhook_id")
        return [
            Table(
                title="Webhooks",
                headers=["Webhook", "Status", "Attempts", "Why it failed"],
                rows=[
                    (link(url_of(each.webhook), each.webhook), _shown(each), each.attempts, each.failure_reason)
                    for each in deliveries[:ROWS_SHOWN]
                ],
                total=deliveries.count(),
            )
        ]


def _shown(delivery: WebhookDelivery) -> SafeString:
    return badge(DeliveryStatus(delivery.status).label, _DELIVERY_BADGES)


class ReplayForm(forms.Form):
    since = forms.DateTimeField(
        label="Since (UTC)",
        widget=UnfoldAdminTextInputWidget({"type": "datetime-local"}),
        help_text=f"Events of the last {DAYS_KEPT} days from this time on are sent to it, in the types that it gets.",
    )


class WebhookAdmin(StaffAdmin):
    """Where partners have their events sent."""

    search_fields = ["url", "tenant__name", "tenant__slug"]
    search_help_text = "URL or tenant"
    list_display = ["url", "tenant_link", "state", "shown_types", "created_at"]
    list_filter = ["active", ("tenant", AutocompleteSelectFilter)]
    list_select_related = ["tenant"]
    ordering = ["-created_at", "id"]
    fields = [
        ("url", "state"),
        ("tenant_link", "description"),
        "shown_types",
        ("created_at", "updated_at"),
        ("disabled_at", "deleted_at"),
        "id",
    ]
    readonly_fields = ["tenant_link", "state", "shown_types", "created_at", "updated_at", "deleted_at", "id"]
    actions_detail = ["replay"]
    help_texts = {"disabled_at": "It answered 410 Gone, and has been off since then."}

    @column("Tenant")
    def tenant_link(self, webhook: Webhook) -> SafeString:
        return link(url_of(webhook.tenant), webhook.tenant)

    @column("State", badges=WEBHOOK_BADGES)
    def state(self, webhook: Webhook) -> str:
        if webhook.deleted_at is not None:
            return "Deleted"
        if webhook.disabled_at is not None:
            return "Disabled"
        return "On" if webhook.active else "Off"

    @column("Types")
    def shown_types(self, webhook: Webhook) -> str:
        return "All" if webhook.types is None else ", ".join(webhook.types)

    def tables(self, request: HttpRequest, webhook: Webhook) -> list[Table]:
        attempts = WebhookAttempt.objects.filter(tenant_id=webhook.tenant_id, webhook_id=webhook.id)
        replays = WebhookReader.objects.filter(webhook_id=webhook.id, until_seq__isnull=False)
        return [
            Table(
                title="Newest attempts",
                headers=["Event", "Number", "Started", "Latency", "Answer", "Its beginning"],
                rows=[
                    (
                        link(url_of(PartnerEvent(pk=each.event_id)), each.event_id),
                        each.number,
                        f"{each.started_at:%Y-%m-%d %H:%M:%S}",
                        f"{each.latency_ms:,} ms",
                        each.status_code or each.error,
                        code(each.response[:200]),
                    )
                    for each in attempts.order_by("-started_at", "-event_id")[:ROWS_SHOWN]
                ],
                total=attempts.count(),
            ),
            Table(
                title="Replays",
                headers=["Asked for", "Events", "Completed"],
                rows=[
                    (
                        f"{each.created_at:%Y-%m-%d %H:%M:%S}",
                        f"{each.events:,}",
                        f"{each.completed_at:%Y-%m-%d %H:%M:%S}" if each.completed_at else "Running",
                    )
                    for each in replays.order_by("-created_at")[:ROWS_SHOWN]
                ],
                total=replays.count(),
            ),
        ]

    def refusal(self, request: HttpRequest, obj: Webhook, path: str) -> str:
        return super().refusal(request, obj, path) if obj.active else f"This webhook is {self.state(obj).lower()}."

    @page_action(title="Replay", path="replay", permission="delivery.change_webhook", icon="replay")
    def replay(self, request: HttpRequest, webhook: Webhook) -> HttpResponse:
        return self.asked(
            request,
            webhook,
            lambda webhook, form: services.replay(
                actor=actor(request),
                partner_id=webhook.tenant_id,
                webhook_id=webhook.id,
                since=form.cleaned_data["since"],
            ),
            form=lambda webhook, *data: ReplayForm(*data),
            title="Replay events to this webhook?",
            submit="Replay",
            done="The events are on their way.",
        )
