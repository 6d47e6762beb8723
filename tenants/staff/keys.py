"""Staff pages of API keys, which are issued on a tenant's page; here they are found and revoked."""

from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter

from retivo.staff.pages import (
    ROWS_SHOWN,
    StaffAdmin,
    Table,
    actor,
    badge,
    changelist_url,
    code,
    column,
    day,
    link,
    may,
    page_action,
    url_of,
)
from tenants import services
from tenants.models import ApiKey, RevokedReason, Tenant

STATUS_BADGES = {"Active": "success", "Expired": "warning", "Revoked": "default", "Leaked": "danger"}


def is_active() -> Q:
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


class KeyStatusFilter(DropdownFilter):  # type: ignore[misc]  # unfold carries no types
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", "Active"), ("expired", "Expired"), ("revoked", "Revoked"), ("leaked", "Leaked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        match self.value():
            case "active":
                return queryset.filter(is_active())
            case "expired":
                return queryset.filter(revoked_at=None, expires_at__lte=timezone.now())
            case "revoked":
                return queryset.exclude(revoked_at=None)
            case "leaked":
                return queryset.filter(revoked_reason=RevokedReason.LEAKED)
        return queryset


class ApiKeyAdmin(StaffAdmin):
    search_fields = ["prefix", "label", "tenant__name", "tenant__slug"]
    search_help_text = "Prefix, label or tenant"
    list_display = [
        "shown_prefix",
        "tenant_link",
        "label",
        "scopes",
        "status",
        "expires_at",
        "last_used_at",
    ]
    list_filter = [KeyStatusFilter]
    list_select_related = ["tenant"]
    ordering = ["-created_at", "-id"]
    fields = [
        ("shown_prefix", "status"),
        ("tenant_link", "label"),
        ("scopes", "expires_at"),
        ("created_at", "last_used_at"),
        ("revoked_at", "revoked_reason"),
        "id",
    ]
    readonly_fields = ["shown_prefix", "status", "tenant_link"]
    actions_detail = ["revoke"]

    @column("Key")
    def shown_prefix(self, key: ApiKey) -> SafeString:
        return code(key)

    @column("Tenant")
    def tenant_link(self, key: ApiKey) -> SafeString:
        return link(url_of(key.tenant), key.tenant)

    @column("Status", badges=STATUS_BADGES)
    def status(self, key: ApiKey) -> str:
        return _status(key)

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        key = self.get_object(request, object_id)
        return super().get_actions_detail(request, object_id) if key and key.revoked_at is None else []

    @page_action(title="Revoke", path="revoke", permission="tenants.change_apikey", icon="key_off")
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self.get_object(request, object_id)
        if key is None:
            return self.gone(request, object_id)
        if request.method == "POST":
            services.revoke_key(actor=actor(request), key_id=key.id)
            messages.success(request, f"The key {key} is revoked.")
            return redirect(url_of(key.tenant))
        return self.form_page(
            request,
            Form(),
            title=f"Revoke the key {key} of {key.tenant}?",
            text="Requests with it are refused from now on. This cannot be undone; issue another key instead.",
            submit="Revoke",
            danger=True,
            back=url_of(key.tenant),
            obj=key,
        )


def keys_table(request: HttpRequest, tenant: Tenant) -> Table:
    may_revoke = may(request, "tenants.change_apikey")
    keys = tenant.api_keys.order_by("-created_at", "id")
    return Table(
        title="API keys",
        headers=["Key", "Label", "Scopes", "Status", "Expires", "Last used", ""],
        rows=[
            (
                link(url_of(key), code(key)),
                key.label,
                ", ".join(key.scopes),
                badge(_status(key), STATUS_BADGES),
                day(key.expires_at),
                day(key.last_used_at),
                link(reverse("admin:tenants_apikey_revoke", args=[key.pk]), "Revoke")
                if may_revoke and key.revoked_at is None
                else "",
            )
            for key in keys[:ROWS_SHOWN]
        ],
        total=keys.count(),
        all_url=changelist_url("tenants", "apikey", tenant__id__exact=tenant.id),
    )


def _status(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "Leaked" if key.revoked_reason == RevokedReason.LEAKED else "Revoked"
    return "Expired" if key.expires_at is not None and key.expires_at <= timezone.now() else "Active"
