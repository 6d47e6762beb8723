"""Staff pages that need more than one app: the hierarchy with its integrations, Django's users, the sidebar."""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin
from django.contrib.auth import admin as _django_auth  # noqa: F401  # registers what is unregistered below
from django.contrib.auth.models import Group, User
from django.core.paginator import InvalidPage
from django.db.models import Case, Model, OuterRef, QuerySet, When
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django_otp.plugins.otp_static import admin as _otp_static  # noqa: F401  # registers what is unregistered below
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp import admin as _otp_totp  # noqa: F401  # registers what is unregistered below
from django_otp.plugins.otp_totp.models import TOTPDevice
from procrastinate.contrib.django import admin as _  # noqa: F401  # registers what is unregistered below
from procrastinate.contrib.django.models import ProcrastinateJob

from decisions.lift.admin import funnel_figure
from decisions.models import DecisionRow
from decisions.playbooks.admin import interventions_table, playbooks_table
from delivery.endpoints.admin import unwell
from delivery.models import ActionRow, EndpointRow, Webhook
from delivery.services import cancel_all_actions
from events import metering
from events.usage.admin import alerts_table, fleet_table, reached_table, usage_table
from integrations.admin import action_types_table, integrations_table, shares_table
from integrations.models import ActionType, ActionTypeTemplate, IntegrationShare, PartnerIntegration, Rollout, Sharing
from learning.models import Release
from learning.staff.weights import PatternsFilter, misled, shown_weight
from retivo.staff.pages import Figure, Table, changelist_url, column, count, may
from tenants.accounts.admin import GroupAdmin, UserAdmin
from tenants.admin import TenantAdmin
from tenants.models import ApiKey, AuditEntry, Deletion, PartnerEvent, Tenant, TenantRole


@admin.register(Tenant)
class HierarchyAdmin(TenantAdmin):
    list_display = [*TenantAdmin.list_display[:-1], "integrations", TenantAdmin.list_display[-1]]
    list_filter = [*TenantAdmin.list_filter, PatternsFilter]
    fieldsets = [(None, {"fields": ["usage", "patterns"]}), *TenantAdmin.fieldsets]
    readonly_fields = [*TenantAdmin.readonly_fields, "usage", "patterns"]

    def before_restore(self, tenant: Tenant) -> None:
        cancel_all_actions(tenant_id=tenant.id)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        here = OuterRef("pk")
        registered = count(PartnerIntegration.objects.filter(tenant=here), by="tenant")
        shared = count(IntegrationShare.objects.filter(tenant=here), by="tenant")
        return (
            super()
            .get_queryset(request)
            .annotate(integration_count=Case(When(tenant_role=TenantRole.PARTNER, then=registered), default=shared))
        )

    @column("Integrations")
    def integrations(self, tenant: Any) -> str:
        return "" if tenant.tenant_role == TenantRole.STANDALONE else str(tenant.integration_count)

    @column("This month")
    def usage(self, tenant: Tenant) -> str:
        usage = metering.usage(tenant_id=tenant.id, limit=tenant.tracked_user_limit)
        return f"{usage.active_users:,} of {usage.limit:,} active users, {usage.events:,} events"

    @column("Patterns of many")
    def patterns(self, tenant: Tenant) -> SafeString | str:
        return shown_weight(tenant)

    def tables(self, request: HttpRequest, tenant: Tenant) -> list[Table | Figure]:
        tables = [_lists(request, tenant), *super().tables(request, tenant)]
        if may(request, "decisions.view_decisionrow") and (figure := funnel_figure(tenant)):
            tables.insert(1, figure)
        if may(request, "events.view_usage"):
            shown = [usage_table(tenant)]
            if tenant.tenant_role == TenantRole.PARTNER:
                shown += [fleet_table(tenant), alerts_table(tenant), reached_table(tenant)]
            tables += [table for table in shown if table.total]
        match tenant.tenant_role:
            case TenantRole.PARTNER if may(request, "integrations.view_partnerintegration"):
                tables.append(integrations_table(tenant))
            case TenantRole.CUSTOMER if may(request, "integrations.view_actiontype"):
                tables.append(shares_table(tenant))
        if may(request, "integrations.view_actiontype"):
            action_types = action_types_table(tenant)
            tables += [action_types] if action_types.total or tenant.tenant_role == TenantRole.CUSTOMER else []
        if may(request, "decisions.view_playbook"):
            # Their keys are composite, which the admin has no pages for.
            tables += [table for table in (playbooks_table(tenant), interventions_table(tenant)) if table.total]
        return tables


def _lists(request: HttpRequest, tenant: Tenant) -> Figure:
    """Links to what there is of the tenant in the lists of all."""
    own, is_partner = {"tenant__id__exact": tenant.id}, tenant.tenant_role == TenantRole.PARTNER
    lists: list[tuple[str, type[Model], dict[str, Any]]] = [
        ("Decisions", DecisionRow, own),
        ("Actions", ActionRow, own),
        ("Endpoints", EndpointRow, own),
    ]
    if is_partner:
        lists += [
            ("Its events", PartnerEvent, own),
            ("Webhooks", Webhook, own),
            ("Deletions of its customers", Deletion, {"owner_id__exact": tenant.id}),
        ]
    elif tenant.parent_id:
        about = {"tenant__id__exact": tenant.parent_id, "customer_id": tenant.id}
        lists.append(("Events about it", PartnerEvent, about))
    lists += [
        ("Its deletions", Deletion, {"subject_id__exact": tenant.id}),
        ("Audit trail", AuditEntry, {"q": tenant.id}),
    ]
    links = [(_list_url(model, **query), title) for title, model, query in lists if _may_view(request, model)]
    return Figure(title="Lists", template="staff/links.html", data={"links": links})


# procrastinate brings pages of its own, of another look; `manage.py procrastinate` shows jobs.
admin.site.unregister(ProcrastinateJob)

# django-otp's show the secrets that codes are made of.
admin.site.unregister([StaticDevice, TOTPDevice])

# Django's own pages change users and groups without an audit entry.
admin.site.unregister([User, Group])
admin.site.register(User, UserAdmin)
admin.site.register(Group, GroupAdmin)


def search(request: HttpRequest) -> HttpResponse:
    """unfold's search in the sidebar, which fails on a page that is no number."""
    try:
        return cast("HttpResponse", admin.site.search(request))  # type: ignore[attr-defined]  # unfold's site
    except InvalidPage as error:
        raise Http404 from error


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar, as `UNFOLD` wants it: what this user may see."""
    return [{"separator": index > 0, "items": _items(request, group)} for index, group in enumerate(_SIDEBAR)]


_SIDEBAR: list[list[tuple[str, type[Model], str]]] = [
    [
        ("Hierarchy", Tenant, "account_tree"),
        ("API keys", ApiKey, "key"),
        ("Integrations", PartnerIntegration, "extension"),
        ("Roll-outs", Rollout, "moving"),
        ("Sharings", Sharing, "share"),
        ("Action types", ActionType, "bolt"),
        ("Kinds", ActionTypeTemplate, "category"),
    ],
    [
        ("Decisions", DecisionRow, "alt_route"),
        ("Actions", ActionRow, "send"),
        ("Endpoints", EndpointRow, "cell_tower"),
        ("Events of partners", PartnerEvent, "rss_feed"),
        ("Webhooks", Webhook, "webhook"),
        ("Releases", Release, "hub"),
    ],
    [
        ("Audit trail", AuditEntry, "history"),
        ("Deletions", Deletion, "delete_forever"),
        ("Users", User, "person"),
        ("Groups", Group, "group"),
    ],
]


# How many of these are worth a look now.
_ALARMS: dict[type[Model], Callable[[], QuerySet[Any]]] = {EndpointRow: unwell, Release: misled}


def _items(request: HttpRequest, group: list[tuple[str, type[Model], str]]) -> list[dict[str, Any]]:
    return [
        {
            "title": title,
            "icon": icon,
            "link": _list_url(model),
            "badge": _ALARMS[model]().count() if model in _ALARMS else 0,
        }
        for title, model, icon in group
        if _may_view(request, model)
    ]


def _may_view(request: HttpRequest, model: type[Model]) -> bool:
    return may(request, f"{model._meta.app_label}.view_{model._meta.model_name}")


def _list_url(model: type[Model], **query: Any) -> str:
    return changelist_url(model._meta.app_label, str(model._meta.model_name), **query)
