"""Staff pages of tenants, keys and the audit trail. `retivo.admin` registers the tenants', with what other apps add."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Case, F, OuterRef, QuerySet, When
from django.db.models.functions import Coalesce, Lower
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter

from retivo.staff.pages import (
    ROWS_SHOWN,
    Figure,
    Table,
    actor,
    badge,
    changelist_url,
    code,
    column,
    count,
    link,
    list_action,
    may,
    page_action,
    url_of,
)
from tenants import services
from tenants.deletion.admin import DeletableAdmin, DeletionAdmin
from tenants.models import ApiKey, AuditEntry, Deletion, PlanTier, Scope, Tenant, TenantRole
from tenants.staff.audit import AuditEntryAdmin
from tenants.staff.controls import ControlledAdmin, controls_table
from tenants.staff.forms import CreatePartnerForm, IssueKeyForm, TenantForm
from tenants.staff.keys import ApiKeyAdmin, is_active, issued_page, keys_table

ROLE_BADGES = {"Partner": "primary", "Customer": "info", "Standalone": "default"}
_ROLE_ICONS = {"partner": "hub", "customer": "subdirectory_arrow_right", "standalone": "apartment"}
STATUS_BADGES = {"Active": "success", "Suspended": "danger", "Deleting": "warning"}


def with_counts(tenants: QuerySet[Tenant]) -> QuerySet[Any]:
    customers = count(Tenant.objects.filter(parent=OuterRef("pk")), by="parent")
    return tenants.annotate(
        # Nobody else has any, and to find none of them may take a look at all tenants.
        customer_count=Case(When(tenant_role=TenantRole.PARTNER, then=customers), default=0),
        active_key_count=count(ApiKey.objects.filter(is_active(), tenant=OuterRef("pk")), by="tenant"),
    )


class PartnerFilter(DropdownFilter):  # type: ignore[misc]  # unfold carries no types
    title = "partner"
    parameter_name = "partner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        partners = Tenant.objects.filter(tenant_role=TenantRole.PARTNER).order_by(Lower("name"))
        return list(partners.values_list("slug", "name"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> QuerySet[Tenant]:
        # A partner's slug is unique: partners are root tenants.
        return queryset.filter(parent__slug=self.value()) if self.value() else queryset


admin.site.register(ApiKey, ApiKeyAdmin)
admin.site.register(AuditEntry, AuditEntryAdmin)
admin.site.register(Deletion, DeletionAdmin)


def _is_typed(request: HttpRequest) -> bool:
    return request.path == reverse("admin:autocomplete")


class TenantAdmin(DeletableAdmin, ControlledAdmin):
    """The hierarchy: each partner is followed by its customers, standalone tenants stand between the partners."""

    form = TenantForm
    search_fields = ["name", "slug", "external_id", "id"]
    search_help_text = "Name, slug, external id or id"
    list_title = "Hierarchy"
    saved_by = "tenants.change_tenant"
    list_display: Sequence[str] = [
        "tree",
        "external_id",
        "role",
        "plan_tier",
        "status",
        "limit",
        "customers",
        "active_keys",
    ]
    list_filter = [
        ("tenant_role", ChoicesDropdownFilter),
        ("plan_tier", ChoicesDropdownFilter),
        ("plan_status", ChoicesDropdownFilter),
        PartnerFilter,
    ]
    list_select_related = ["parent"]
    ordering = [
        Lower(Coalesce("parent__name", "name")),
        Coalesce("parent_id", "id"),
        F("parent_id").asc(nulls_first=True),
        Lower("name"),
        "id",
    ]
    fieldsets = [
        (None, {"fields": [("name", "slug"), ("tenant_role", "parent"), ("plan_tier", "tracked_user_limit")]}),
        (None, {"fields": ["rate_limit"]}),
        (None, {"fields": [("plan_status", "suspended_by_staff"), "deletion"]}),
        (None, {"fields": [("id", "external_id"), ("created_at", "updated_at"), "config"]}),
    ]
    readonly_fields = [
        "id",
        "slug",
        "tenant_role",
        "parent",
        "plan_status",
        "suspended_by_staff",
        "deletion",
        "external_id",
        "created_at",
        "updated_at",
    ]
    help_texts = {"suspended_by_staff": "Its partner cannot lift a suspension by staff."}
    actions_list = ["new_partner"]
    actions_detail = [
        "issue_key",
        "controls",
        "suspend",
        "change_suspension",
        "reactivate",
        "schedule_deletion",
        "restore",
    ]

    # --- The list ---

    def get_ordering(self, request: HttpRequest) -> Sequence[Any]:
        # A choice is offered while its name is typed, and needs no hierarchy, which nothing but a sort has.
        return [Lower("name"), "id"] if _is_typed(request) else self.ordering

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        tenants: QuerySet[Tenant] = super().get_queryset(request)
        return tenants if _is_typed(request) else with_counts(tenants)

    @column("Name")
    def tree(self, tenant: Tenant) -> SafeString:
        # The path says whose customer this is where the partner's own row is not on the page.
        icon, path = _ROLE_ICONS[tenant.tenant_role], tenant.slug
        if tenant.parent:
            path = f"{tenant.parent.slug} / {path}"
        return render_to_string("staff/tenant_in_tree.html", {"tenant": tenant, "icon": icon, "path": path})

    @column("Role", badges=ROLE_BADGES)
    def role(self, tenant: Tenant) -> str:
        return tenant.get_tenant_role_display()

    @column("Status", badges=STATUS_BADGES)
    def status(self, tenant: Tenant) -> str:
        return tenant.get_plan_status_display()

    @column("Limit")
    def limit(self, tenant: Tenant) -> str:
        return f"{tenant.tracked_user_limit:,}"

    @column("Customers")
    def customers(self, tenant: Any) -> str:
        if tenant.tenant_role != TenantRole.PARTNER:
            return ""
        return link(changelist_url("tenants", "tenant", partner=tenant.slug), f"{tenant.customer_count:,}")

    @column("Keys")
    def active_keys(self, tenant: Any) -> str:
        return str(tenant.active_key_count)

    # --- A tenant's page ---

    def tables(self, request: HttpRequest, tenant: Tenant) -> Sequence[Table | Figure]:
        tables = [controls_table(tenant)]
        if tenant.tenant_role == TenantRole.PARTNER:
            tables.append(customers_table(tenant))
        if tenant.metadata:
            rows = sorted(tenant.metadata.items())
            tables.append(Table(title="Metadata", headers=["Key", "Value"], rows=rows, total=len(rows)))
        return [*tables, keys_table(request, tenant)] if may(request, "tenants.view_apikey") else tables

    def save_model(self, request: HttpRequest, obj: Tenant, form: TenantForm, change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        if changes:
            services.update_tenant(actor=actor(request), tenant_id=obj.id, changes=changes)

    # --- Actions ---

    @list_action(title="New partner", path="new-partner", permission="tenants.add_tenant", icon="add")
    def new_partner(self, request: HttpRequest) -> HttpResponse:
        form = CreatePartnerForm(request.POST or None)
        if form.is_valid():
            try:
                partner, key = services.create_partner(
                    actor=actor(request),
                    name=form.cleaned_data["name"],
                    slug=form.cleaned_data["slug"],
                    plan_tier=PlanTier(form.cleaned_data["plan_tier"]),
                )
            except ValidationError as error:
                form.add_error(None, error)
            else:
                return issued_page(self, request, partner, key, title=f"{partner.name} is a partner now")
        return self.form_page(
            request,
            form,
            title="New partner",
            text="A partner provisions its customers over the API. It gets a first key, which is shown once.",
            submit="Make the partner",
            back=changelist_url("tenants", "tenant"),
        )

    @page_action(title="Issue key", path="issue-key", permission="tenants.add_apikey", icon="key")
    def issue_key(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        form = IssueKeyForm(request.POST or None, tenant=tenant)
        if form.is_valid():
            try:
                key = services.issue_key(
                    actor=actor(request),
                    tenant_id=tenant.id,
                    scopes=[Scope(name) for name in form.cleaned_data["scopes"]],
                    label=form.cleaned_data["label"],
                    expires_at=form.cleaned_data["expires_at"],
                )
            except ValidationError as error:
                form.add_error(None, error)
            else:
                return issued_page(self, request, tenant, key, title=f"A new key of {tenant.name}")
        return self.form_page(
            request,
            form,
            title=f"Issue a key of {tenant.name}",
            submit="Issue the key",
            back=url_of(tenant),
            obj=tenant,
        )


def customers_table(partner: Tenant) -> Table:
    customers = with_counts(partner.customers.order_by("created_at", "id"))
    return Table(
        title="Customers",
        headers=["Name", "Slug", "Plan", "Status", "Limit", "Keys"],
        rows=[
            (
                link(url_of(customer), customer.name),
                code(customer.slug),
                customer.get_plan_tier_display(),
                badge(customer.get_plan_status_display(), STATUS_BADGES),
                f"{customer.tracked_user_limit:,}",
                customer.active_key_count,
            )
            for customer in customers[:ROWS_SHOWN]
        ],
        total=partner.customers.count(),
        all_url=changelist_url("tenants", "tenant", partner=partner.slug),
    )
