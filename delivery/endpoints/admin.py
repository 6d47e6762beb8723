"""Staff pages of receivers' addresses: how each is, and what the API lets a partner do with its own."""

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from delivery.endpoints import queries, services
from delivery.models import Certification, CertificationStatus, Endpoint, EndpointRow, EndpointStatus, Recovery
from integrations.models import ActionType, PartnerIntegration, RevisionTemplate
from retivo.staff.pages import (
    ROWS_SHOWN,
    StaffAdmin,
    Table,
    actor,
    badge,
    code,
    column,
    link,
    page_action,
    progress,
    url_of,
)

BADGES = {"Well": "success", "Slow": "warning", "Failing": "warning", "Open": "danger", "Disabled": "danger"}
_JOB_BADGES = {"Running": "info", "Completed": "success", "Passed": "success", "Stopped": "warning", "Failed": "danger"}
_NOT_CERTIFIED = (
    "Not certified: not each integration that sends there has passed with its present secret and action types. "
    "Certify it again."
)
_UNUSED = "No integration sends to this endpoint any more."


def unwell() -> QuerySet[EndpointRow]:
    """Those to which nothing is sent now."""
    return EndpointRow.objects.filter(Q(open_until__gt=timezone.now()) | Q(disabled_at__isnull=False))


class RecoverForm(forms.Form):
    since = forms.DateTimeField(
        label="Actions dispatched since", help_text="UTC, as 2026-12-01 06:00.", widget=UnfoldAdminTextInputWidget()
    )
    until = forms.DateTimeField(
        label="And before", required=False, help_text="Empty: until now.", widget=UnfoldAdminTextInputWidget()
    )


class CertifyForm(forms.Form):
    integration = forms.ModelChoiceField(
        queryset=PartnerIntegration.objects.none(),
        help_text="Whose secret signs the probes.",
        widget=UnfoldAdminSelectWidget(),
    )

    def __init__(self, endpoint: EndpointRow, *args: Any) -> None:
        super().__init__(*args)
        choices: Any = self.fields["integration"]
        choices.queryset = _senders(endpoint)
        if len(choices.queryset) == 1:
            choices.initial = choices.queryset[0]


def _senders(endpoint: EndpointRow) -> QuerySet[PartnerIntegration]:
    """The integrations that send there."""
    senders = RevisionTemplate.objects.filter(tenant_id=endpoint.tenant_id, delivery_webhook=endpoint.url)
    return PartnerIntegration.objects.filter(deleted_at=None, id__in=senders.values("integration_id"))


class EndpointAdmin(StaffAdmin):
    """Addresses of partners' integrations, and any other that failed at some time."""

    search_fields = ["url", "tenant__name", "tenant__slug"]
    search_help_text = "URL or tenant"
    list_display = ["url", "tenant_link", "shown_status", "since", "waiting", "customers_affected", "last_failure"]
    list_filter = [("status", ChoicesDropdownFilter), ("tenant", AutocompleteSelectFilter)]
    list_select_related = ["tenant"]
    ordering = ["-consecutive_failures", "id"]
    fields = [
        ("url", "tenant_link"),
        ("shown_status", "since"),
        ("disabled_at", "disabled_because"),
        ("open_until", "openings"),
        ("consecutive_failures", "slow_since"),
        ("last_failure", "last_failure_at"),
        ("last_success_at", "failed_24h"),
        ("latency_ms", "certified_at"),
        ("waiting", "customers_affected"),
        "id",
    ]
    readonly_fields = ["tenant_link", "shown_status", "failed_24h", "latency_ms", "certified_at"]
    actions_detail = ["enable", "recover", "certify"]

    @column("Tenant")
    def tenant_link(self, endpoint: EndpointRow) -> SafeString:
        return link(url_of(endpoint.tenant), endpoint.tenant)

    @column("Status", badges=BADGES)
    def shown_status(self, endpoint: EndpointRow) -> str:
        return str(EndpointStatus(endpoint.status).label)

    @column("Failed in 24 hours")
    def failed_24h(self, endpoint: EndpointRow) -> str:
        return f"{_as_its_owner_sees(endpoint)['failed_24h']:,}"

    @column("Latency, last 100")
    def latency_ms(self, endpoint: EndpointRow) -> str:
        found = _as_its_owner_sees(endpoint)["latency_ms"]
        return "-" if found is None else f"p50 {found['p50']:,} ms, p95 {found['p95']:,} ms"

    @column("Certified since")
    def certified_at(self, endpoint: EndpointRow) -> str:
        at = _as_its_owner_sees(endpoint)["certified_at"]
        if at is not None:
            return f"{at:%Y-%m-%d %H:%M:%S}"
        passed = _certifications_of(endpoint).filter(status=CertificationStatus.PASSED)
        return _NOT_CERTIFIED if passed.exists() else "-"

    def tables(self, request: HttpRequest, endpoint: EndpointRow) -> list[Table]:
        return [_action_types(endpoint), _certifications(endpoint), _recoveries(endpoint)]

    def refusal(self, request: HttpRequest, obj: EndpointRow, path: str) -> str:
        is_disabled = obj.disabled_at is not None
        match path:
            case "enable" if not is_disabled and not obj.consecutive_failures:
                return "This endpoint is well: what is due for it is sent as usual."
            case "recover" if is_disabled:
                return "This endpoint is disabled. Enable it first."
            case "recover" if obj.registered_at is None:
                return _UNUSED
            case "certify" if not _senders(obj).exists():
                return _UNUSED
        return super().refusal(request, obj, path)

    @page_action(title="Enable", path="enable", permission="delivery.change_endpointrow", icon="restart_alt")
    def enable(self, request: HttpRequest, endpoint: EndpointRow) -> HttpResponse:
        return self.asked(
            request,
            endpoint,
            lambda endpoint, form: services.enable(
                actor=actor(request), owner_id=endpoint.tenant_id, endpoint_id=endpoint.id
            ),
            title="Enable this endpoint?",
            submit="Enable",
            text="Its circuit closes, and it is enabled where it answered 410: what is due for it is sent at once.",
            done="The endpoint is enabled: what is due for it is sent at once.",
        )

    @page_action(title="Recover", path="recover", permission="delivery.change_endpointrow", icon="replay")
    def recover(self, request: HttpRequest, endpoint: EndpointRow) -> HttpResponse:
        return self.asked(
            request,
            endpoint,
            lambda endpoint, form: services.recover(
                actor=actor(request), partner_id=endpoint.tenant_id, endpoint_id=endpoint.id, **form.cleaned_data
            ),
            form=lambda endpoint, *data: RecoverForm(*data),
            title="Recover this endpoint?",
            submit="Recover",
            text="Actions that failed there and have not expired are sent again, those of all customers.",
            done="The failed actions are sent again, a batch each second.",
        )

    @page_action(title="Certify", path="certify", permission="delivery.change_endpointrow", icon="verified")
    def certify(self, request: HttpRequest, endpoint: EndpointRow) -> HttpResponse:
        return self.asked(
            request,
            endpoint,
            lambda endpoint, form: services.certify(
                actor=actor(request),
                partner_id=endpoint.tenant_id,
                endpoint_id=endpoint.id,
                integration_id=form.cleaned_data["integration"].id,
            ),
            form=CertifyForm,
            title="Certify this endpoint?",
            submit="Certify",
            text="It is sent probes, which are no actions, and must take some and refuse others.",
            done="The probes are on their way; the result appears below.",
        )


def _as_its_owner_sees(endpoint: Any) -> dict[str, Any]:
    """What the API shows of it, read once for a page."""
    if not hasattr(endpoint, "as_owner_sees"):
        rows = [Endpoint.objects.get(tenant_id=endpoint.tenant_id, id=endpoint.id)]
        (endpoint.as_owner_sees,) = queries.shown(endpoint.tenant_id, rows)
    found: dict[str, Any] = endpoint.as_owner_sees
    return found


def _action_types(endpoint: EndpointRow) -> Table:
    """What is registered to be sent there, by the endpoint's tenant."""
    here = {"tenant_id": endpoint.tenant_id, "delivery_webhook": endpoint.url}
    shared = RevisionTemplate.objects.filter(**here).select_related("integration").order_by("name", "revision")
    own = ActionType.objects.filter(**here, template=None).order_by("name", "id")
    rows: list[tuple[SafeString, object]] = [
        (code(each.name), link(url_of(each.integration), f"{each.integration}, revision {each.revision}"))
        for each in shared
    ]
    rows += [(link(url_of(each), each.name), "Own") for each in own]
    return Table(title="Action types", headers=["Name", "Origin"], rows=rows[:ROWS_SHOWN], total=len(rows))


def _certifications_of(endpoint: EndpointRow) -> QuerySet[Certification]:
    return Certification.objects.filter(tenant_id=endpoint.tenant_id, endpoint_id=endpoint.id)


def _certifications(endpoint: EndpointRow) -> Table:
    found = _certifications_of(endpoint)
    return Table(
        title="Certifications",
        headers=["Asked for", "Integration", "Revision", "Status", "Passed", "Not passed"],
        rows=[
            (
                f"{each.created_at:%Y-%m-%d %H:%M:%S}",
                link(url_of(each.integration), each.integration),
                each.revision,
                badge(each.get_status_display(), _JOB_BADGES),
                ", ".join(item["check"] for item in each.report if item["passed"]),
                "; ".join(f"{item['check']}: {item['saw']}" for item in each.report if not item["passed"]),
            )
            for each in found.select_related("integration").order_by("-created_at", "-id")[:ROWS_SHOWN]
        ],
        total=found.count(),
    )


def _recoveries(endpoint: EndpointRow) -> Table:
    found = Recovery.objects.filter(tenant_id=endpoint.tenant_id, endpoint_id=endpoint.id)
    return Table(
        title="Recoveries",
        headers=["Asked for", "Since", "Until", "Status", "Progress", "Sent again"],
        rows=[
            (
                f"{each.created_at:%Y-%m-%d %H:%M:%S}",
                f"{each.since:%Y-%m-%d %H:%M:%S}",
                f"{each.until:%Y-%m-%d %H:%M:%S}" if each.until else "-",
                badge(each.get_status_display(), _JOB_BADGES),
                progress(each.replayed, each.actions),
                f"{each.replayed:,} of {each.actions:,}",
            )
            for each in found.order_by("-created_at", "-id")[:ROWS_SHOWN]
        ],
        total=found.count(),
    )
