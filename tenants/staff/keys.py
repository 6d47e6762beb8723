"""Staff pages of API keys, which are issued on a tenant's page; here they are found, rotated and revoked."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import OuterRef, Q, QuerySet, Subquery
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
from tenants.api_keys.services import IssuedKey
from tenants.models import ApiKey, RevokedReason, Tenant
from tenants.staff.forms import RotateKeyForm

STATUS_BADGES = {
    "Active": "success",
    "Expiring": "info",
    "Expired": "warning",
    "Revoked": "default",
    "Leaked": "danger",
}


def is_active() -> Q:
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


class KeyStatusFilter(DropdownFilter):  # type: ignore[misc]  # unfold carries no types
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.lower(), status) for status in STATUS_BADGES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "active":
                return queryset.filter(is_active(), successor_id=None)
            case "expiring":
                return queryset.filter(is_active(), successor_id__isnull=False)
            case "expired":
                return queryset.filter(revoked_at=None, expires_at__lte=timezone.now())
            case "revoked":
                return queryset.exclude(revoked_at=None).exclude(revoked_reason=RevokedReason.LEAKED)
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
        "issued_by",
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
        ("created_at", "issued_by"),
        ("predecessor", "successor"),
        ("last_used_at", "last_used_ip_prefix"),
        ("allowed_cidrs", "mode"),
        ("revoked_at", "revoked_reason"),
        "id",
    ]
    readonly_fields = ["shown_prefix", "status", "tenant_link", "issued_by", "predecessor", "successor"]
    labels = {"last_used_ip_prefix": "Last used from", "allowed_cidrs": "Allowed networks"}
    help_texts = {
        "last_used_at": "To the minute. Requests that were refused do not count.",
        "last_used_ip_prefix": "The network of its last use: a /24 of IPv4, a /48 of IPv6.",
        "allowed_cidrs": "The key is let in from these networks alone. Empty: from everywhere.",
    }
    actions_detail = ["rotate", "revoke"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        keys: QuerySet[ApiKey] = super().get_queryset(request)
        return with_successors(keys)

    @column("Key")
    def shown_prefix(self, key: ApiKey) -> SafeString:
        return code(key)

    @column("Tenant")
    def tenant_link(self, key: ApiKey) -> SafeString:
        return link(url_of(key.tenant), key.tenant)

    @column("Status", badges=STATUS_BADGES)
    def status(self, key: ApiKey) -> str:
        return _status(key)

    @column("Issued by")
    def issued_by(self, key: ApiKey) -> str:
        return key.created_by or "-"

    @column("Replaces")
    def predecessor(self, key: ApiKey) -> SafeString | str:
        return _link_to(key.replaces)

    @column("Replaced by")
    def successor(self, key: Any) -> SafeString | str:
        return _link_to(_successor(key))

    def refusal(self, request: HttpRequest, obj: ApiKey, path: str) -> str:
        return _refusal(obj, path)

    @page_action(title="Rotate", path="rotate", permission="tenants.add_apikey", icon="autorenew")
    def rotate(self, request: HttpRequest, key: ApiKey) -> HttpResponse:
        form = RotateKeyForm(request.POST or None)
        if form.is_valid():
            try:
                successor = services.rotate_key(
                    actor=actor(request),
                    key=key,
                    overlap=timedelta(hours=form.cleaned_data["overlap_hours"]),
                    expires_at=form.cleaned_data["expires_at"],
                )
            except ValidationError as error:
                form.add_error(None, error)
            else:
                return issued_page(self, request, key.tenant, successor, title=f"The successor of the key {key}")
        return self.form_page(
            request,
            form,
            title=f"Rotate the key {key} of {key.tenant}?",
            text="The successor may do the same, and its text is shown once. The key goes on for some hours.",
            submit="Rotate",
            back=url_of(key.tenant),
            obj=key,
        )

    @page_action(title="Revoke", path="revoke", permission="tenants.change_apikey", icon="key_off")
    def revoke(self, request: HttpRequest, key: ApiKey) -> HttpResponse:
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


def with_successors(keys: QuerySet[ApiKey]) -> QuerySet[Any]:
    successors = ApiKey.objects.filter(replaces=OuterRef("pk"))
    return keys.annotate(
        successor_id=Subquery(successors.values("id")), successor_prefix=Subquery(successors.values("prefix"))
    )


def issued_page(staff: StaffAdmin, request: HttpRequest, tenant: Tenant, key: IssuedKey, *, title: str) -> HttpResponse:
    """The key's text, in this answer and nowhere else: no session, no message, no cache keeps it."""
    response = staff.page(request, "staff/key_issued.html", title=title, original=tenant, key=key, back=url_of(tenant))
    response.headers["Cache-Control"] = "no-store"
    return response


def keys_table(request: HttpRequest, tenant: Tenant) -> Table:
    may_revoke, may_rotate = may(request, "tenants.change_apikey"), may(request, "tenants.add_apikey")
    keys = with_successors(tenant.api_keys.order_by("-created_at", "id"))
    return Table(
        title="API keys",
        headers=["Key", "Label", "Scopes", "Status", "Replaced by", "Issued by", "Expires", "Last used", "", ""],
        rows=[
            (
                link(url_of(key), code(key)),
                key.label,
                ", ".join(key.scopes),
                badge(_status(key), STATUS_BADGES),
                _link_to(_successor(key)),
                key.created_by or "-",
                day(key.expires_at),
                day(key.last_used_at),
                link(reverse("admin:tenants_apikey_rotate", args=[key.pk]), "Rotate")
                if may_rotate and not _refusal(key, "rotate")
                else "",
                link(reverse("admin:tenants_apikey_revoke", args=[key.pk]), "Revoke")
                if may_revoke and not _refusal(key, "revoke")
                else "",
            )
            for key in keys[:ROWS_SHOWN]
        ],
        total=keys.count(),
        all_url=changelist_url("tenants", "apikey", tenant__id__exact=tenant.id),
    )


def _successor(key: Any) -> ApiKey | None:
    return ApiKey(id=key.successor_id, prefix=key.successor_prefix) if key.successor_id else None


def _link_to(key: ApiKey | None) -> SafeString | str:
    return "-" if key is None else link(url_of(key), code(key))


def _status(key: Any) -> str:
    if key.revoked_at is not None:
        return "Leaked" if key.revoked_reason == RevokedReason.LEAKED else "Revoked"
    if key.expires_at is not None and key.expires_at <= timezone.now():
        return "Expired"
    return "Expiring" if key.successor_id else "Active"


def _refusal(key: Any, path: str) -> str:
    """Why it is not rotated or revoked. To revoke is possible while its tenant is deleted, which may be restored."""
    if key.revoked_at is not None:
        return f"The key {key} is revoked already."
    if path == "revoke":
        return ""
    if key.tenant.delete_at is not None:
        return f"{key.tenant} is being deleted, so none of its keys is rotated."
    refused = {"Expired": f"The key {key} has expired.", "Expiring": f"The key {key} was rotated already."}
    return refused.get(_status(key), "")
