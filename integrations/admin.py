"""Staff pages of integrations and action types: read-only, but an integration can be switched off and on."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from integrations import services
from integrations.models import (
    ActionType,
    ActionTypeTemplate,
    IntegrationShare,
    KindSource,
    PartnerIntegration,
    RevisionTemplate,
    Rollout,
    Sharing,
)
from integrations.staff import revisions
from integrations.staff.jobs import table as jobs_table
from integrations.staff.kinds import KindAdmin
from integrations.staff.rollouts import RolloutAdmin
from integrations.staff.sharings import SharingAdmin
from retivo.staff.pages import (
    ROWS_SHOWN,
    StaffAdmin,
    Table,
    actor,
    badge,
    changelist_url,
    code,
    column,
    count,
    day,
    link,
    url_of,
)
from tenants.models import Tenant

_SECRETS = [
    "encrypted_webhook_secret",
    "encrypted_previous_secret",
    "integration__encrypted_webhook_secret",
    "integration__encrypted_previous_secret",
]
ACTIVE_BADGES = {
    "Active": "success",
    "Off": "default",
    "Deprecated": "warning",
    "Withdrawn": "default",
    "Deleted": "default",
}


def with_counts(integrations: QuerySet[PartnerIntegration]) -> QuerySet[Any]:
    here = OuterRef("pk")
    return integrations.annotate(
        template_count=count(
            RevisionTemplate.objects.filter(integration=here, revision=OuterRef("revision")), by="integration"
        ),
        share_count=count(IntegrationShare.objects.filter(integration=here, ended_at=None), by="integration"),
    )


admin.site.register(ActionTypeTemplate, KindAdmin)
admin.site.register(Rollout, RolloutAdmin)
admin.site.register(Sharing, SharingAdmin)


@admin.register(PartnerIntegration)
class PartnerIntegrationAdmin(StaffAdmin):
    """Never its secret. Switching one off stops further sharing; what is shared stays."""

    saved_by = "integrations.change_partnerintegration"
    search_fields = ["provider", "display_name", "domain", "tenant__name", "tenant__slug"]
    search_help_text = "Provider, name, domain or partner"
    list_display = ["display_name", "provider", "partner", "domain", "templates", "shares", "status", "created_at"]
    list_filter = ["active"]
    list_select_related = ["tenant"]
    ordering = ["-created_at", "id"]
    fields = [
        ("display_name", "provider"),
        ("partner", "domain"),
        ("created_at", "id"),
        ("deprecated_at", "sunset_at"),
        "deleted_at",
        "active",
    ]
    readonly_fields = [
        "display_name",
        "provider",
        "partner",
        "domain",
        "created_at",
        "id",
        "deprecated_at",
        "sunset_at",
        "deleted_at",
    ]
    help_texts = {"deleted_at": "It is kept for its earlier actions. Its provider can be registered again."}

    def refusal(self, request: HttpRequest, obj: PartnerIntegration, path: str) -> str:
        return f"{obj} was deleted." if obj.deleted_at else super().refusal(request, obj, path)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_counts(super().get_queryset(request).defer("encrypted_webhook_secret"))

    @column("Partner")
    def partner(self, integration: PartnerIntegration) -> SafeString:
        return link(url_of(integration.tenant), integration.tenant)

    @column("Action types")
    def templates(self, integration: Any) -> str:
        return str(integration.template_count)

    @column("Shared with")
    def shares(self, integration: Any) -> str:
        return f"{integration.share_count:,}"

    @column("Status", badges=ACTIVE_BADGES)
    def status(self, integration: PartnerIntegration) -> str:
        return _status(integration)

    def tables(self, request: HttpRequest, integration: PartnerIntegration) -> list[Table]:
        return [
            _templates_table(integration),
            *revisions.tables(integration),
            jobs_table(Rollout, title="Roll-outs", integration_id=integration.id, also=["revision"]),
            jobs_table(Sharing, title="Sharings with all customers", integration_id=integration.id),
        ]

    def save_model(self, request: HttpRequest, obj: PartnerIntegration, form: Any, change: bool) -> None:
        services.change(actor=actor(request), integration_id=obj.id, changes={"active": form.cleaned_data["active"]})


@admin.register(ActionType)
class ActionTypeAdmin(StaffAdmin):
    """The tenant's own and those shared with it; never a secret."""

    search_fields = ["name", "provider", "domain", "tenant__name", "tenant__slug", "id"]
    search_help_text = "Name, provider, domain, tenant or id"
    list_display = ["name", "tenant_link", "origin", "provider", "domain", "status", "created_at"]
    list_filter = ["active", ("integration", admin.EmptyFieldListFilter)]
    list_select_related = ["tenant", "integration"]
    ordering = ["tenant_id", "provider", "name"]  # as an index has them
    fields = [
        ("name", "status"),
        ("tenant_link", "origin"),
        ("provider", "domain"),
        ("id", "estimated_cost_usd"),
        "kind_shown",
        "description",
        "delivery_webhook",
        "parameters_schema",
    ]
    readonly_fields = ["tenant_link", "origin", "status", "kind_shown"]
    labels = {"estimated_cost_usd": "Estimated cost (USD)"}
    help_texts = {"delivery_webhook": "As the action type was shared. Its actions are sent where its revision says."}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request).defer(*_SECRETS)
        return found

    @column("Tenant")
    def tenant_link(self, action_type: ActionType) -> SafeString:
        return link(url_of(action_type.tenant), action_type.tenant)

    @column("Origin")
    def origin(self, action_type: ActionType) -> SafeString | str:
        return _origin(action_type)

    @column("Kind")
    def kind_shown(self, action_type: ActionType) -> SafeString | str:
        found = action_type.template or action_type
        text = f"{found.kind or 'None'}, {KindSource(found.kind_source or KindSource.PROPOSED).label.lower()}"
        return text if action_type.template is None else link(url_of(action_type.template), text)

    @column("Status", badges=ACTIVE_BADGES)
    def status(self, action_type: ActionType) -> str:
        return _status(action_type)


def integrations_table(partner: Tenant) -> Table:
    """What the partner has registered."""
    integrations = PartnerIntegration.objects.filter(tenant=partner, deleted_at=None).defer("encrypted_webhook_secret")
    return Table(
        title="Integrations",
        headers=["Name", "Provider", "Domain", "Action types", "Shared with", "Status"],
        rows=[
            (
                link(url_of(integration), integration.display_name),
                code(integration.provider),
                integration.domain,
                integration.template_count,
                f"{integration.share_count:,}",
                badge(_status(integration), ACTIVE_BADGES),
            )
            for integration in with_counts(integrations)[:ROWS_SHOWN]
        ],
        total=integrations.count(),
        all_url=changelist_url("integrations", "partnerintegration", tenant__id__exact=partner.id),
    )


def shares_table(customer: Tenant) -> Table:
    """What its partner shares with the customer."""
    shares = (
        IntegrationShare.objects.filter(tenant=customer, ended_at=None)
        .select_related("integration")
        .defer("integration__encrypted_webhook_secret")
        .order_by("created_at", "id")
    )
    return Table(
        title="Integrations shared",
        headers=["Name", "Provider", "Domain", "Revision", "Shared on", "Status"],
        rows=[
            (
                link(url_of(share.integration), share.integration.display_name),
                code(share.integration.provider),
                share.integration.domain,
                share.revision,
                day(share.created_at),
                badge(_status(share.integration), ACTIVE_BADGES),
            )
            for share in shares.select_related("integration").defer("integration__encrypted_webhook_secret")[
                :ROWS_SHOWN
            ]
        ],
        total=shares.count(),
    )


def action_types_table(tenant: Tenant) -> Table:
    """Its own, and those its partner shares with it."""
    action_types = ActionType.objects.filter(tenant=tenant).select_related("integration").defer(*_SECRETS)
    return Table(
        title="Action types",
        headers=["Name", "Origin", "Provider", "Domain", "Description", "Status"],
        rows=[
            (
                link(url_of(action_type), code(action_type.name)),
                _origin(action_type),
                code(action_type.provider),
                action_type.domain,
                _shortened(action_type.description),
                badge(_status(action_type), ACTIVE_BADGES),
            )
            for action_type in action_types.order_by("provider", "template__position", "name")[:ROWS_SHOWN]
        ],
        total=action_types.count(),
        all_url=changelist_url("integrations", "actiontype", tenant__id__exact=tenant.id),
    )


def _templates_table(integration: PartnerIntegration) -> Table:
    templates = integration.revision_templates.filter(revision=integration.revision).order_by("position")
    templates = templates.select_related("template").defer("template__description", "template__parameters_schema")
    return Table(
        title=f"Action types of revision {integration.revision}",
        headers=["Name", "Kind", "How the kind was found", "Description", "Webhook"],
        rows=[
            (
                link(url_of(template.template), code(template.name)),
                template.template.kind or "-",
                template.template.get_kind_source_display(),
                _shortened(template.description),
                code(_shortened(template.delivery_webhook)),
            )
            for template in templates
        ],
        total=len(templates),
    )


def _origin(action_type: ActionType) -> SafeString | str:
    integration = action_type.integration
    return "Own" if integration is None else link(url_of(integration), integration.display_name)


def _status(row: PartnerIntegration | ActionType) -> str:
    if isinstance(row, ActionType) and row.is_withdrawn:
        return "Withdrawn"
    if isinstance(row, PartnerIntegration) and row.deleted_at is not None:
        return "Deleted"
    if isinstance(row, PartnerIntegration) and row.active and row.deprecated_at is not None:
        return "Deprecated"
    return "Active" if row.active else "Off"


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
