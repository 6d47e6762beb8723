"""Staff pages of deletions, and what a tenant's page says of its own. Staff delete and restore on the tenant's page."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.timesince import timeuntil
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from retivo.staff.pages import Figure, StaffAdmin, Table, actor, code, column, link, page_action, url_of
from tenants.deletion import certificates, services
from tenants.deletion.services import GRACE_DAYS, MAX_GRACE_DAYS
from tenants.models import Deletion, Tenant

STATUS_BADGES = {
    "Scheduled": "warning",
    "Running": "info",
    "Verified": "success",
    "Cancelled": "default",
    "Failed": "danger",
}


class DeleteTenantForm(forms.Form):
    confirm = forms.CharField(
        label="Slug", widget=UnfoldAdminTextInputWidget({"autofocus": True}), help_text="The tenant's, once more."
    )
    grace_days = forms.IntegerField(
        label="Grace in days",
        min_value=0,
        max_value=MAX_GRACE_DAYS,
        initial=GRACE_DAYS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="How long the tenant can be restored.",
    )
    reason = forms.CharField(
        required=False,
        max_length=500,
        widget=UnfoldAdminTextInputWidget,
        help_text="Kept until the tenant is gone.",
    )

    def __init__(self, data: Any = None, *, tenant: Tenant) -> None:
        super().__init__(data)
        self.tenant = tenant

    def clean_confirm(self) -> str:
        confirm: str = self.cleaned_data["confirm"]
        if confirm != self.tenant.slug:
            raise forms.ValidationError("This is not the tenant's slug.")
        return confirm


class DeletableAdmin(StaffAdmin):
    """A tenant's page with its deletion."""

    def refusal(self, request: HttpRequest, obj: Tenant, path: str) -> str:
        """Until its time has come a tenant that is being deleted can be restored, and nothing else."""
        is_due = obj.delete_at is not None and obj.delete_at <= timezone.now()
        match path:
            case _ if is_due:
                return f"The grace is over: {obj} is being deleted for good."
            case "restore":
                return f"{obj} is not being deleted." if obj.delete_at is None else ""
            case _ if obj.delete_at is not None:
                return f"{obj} is being deleted. Restore it first."
            case "schedule-deletion" if obj.customers.exists():
                return f"{obj} has customers: delete them first."
        return super().refusal(request, obj, path)

    def before_restore(self, tenant: Tenant) -> None:
        """What other rooms have to do first. Raises Problem where that is not done yet."""

    @column("Deletion")
    def deletion(self, tenant: Tenant) -> SafeString | str:
        newest = deletions_of(tenant).first()
        if newest is None or tenant.delete_at is None:
            return "-"
        return link(url_of(newest), f"{newest.get_status_display()}, time left: {time_left(newest)}")

    @page_action(title="Delete", path="schedule-deletion", permission="tenants.delete_tenant", icon="delete_forever")
    def schedule_deletion(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        form = DeleteTenantForm(request.POST or None, tenant=tenant)
        if form.is_valid():
            scheduled = services.schedule(
                actor=actor(request),
                by="staff",
                tenant=services.locked(tenant_id=tenant.id),
                grace_days=form.cleaned_data["grace_days"],
                reason=form.cleaned_data["reason"],
            )
            messages.success(request, f"{tenant.name} will be deleted.")
            return redirect(url_of(scheduled))
        return self.form_page(
            request,
            form,
            title=f"Delete {tenant.name}?",
            text="All of its keys are refused from now on, and nothing is sent for it. When the grace is over, its "
            "users, events, decisions and model are deleted for good.",
            submit="Delete",
            danger=True,
            back=url_of(tenant),
            obj=tenant,
        )

    @page_action(title="Restore", path="restore", permission="tenants.change_tenant", icon="restore_from_trash")
    def restore(self, request: HttpRequest, tenant: Tenant) -> HttpResponse:
        def restore(tenant: Tenant, form: Any) -> None:
            locked = services.locked(tenant_id=tenant.id)
            self.before_restore(locked)
            services.restore(actor=actor(request), tenant=locked)

        return self.asked(
            request,
            tenant,
            restore,
            title="Restore {}?",
            text="Its deletion is called off, and its keys work again. What waited to be sent stays cancelled.",
            submit="Restore",
            done="{} is restored.",
        )


# What a certificate says besides its tables and releases.
_SAID = [("Patterns", "statement_on_patterns"), ("Backups expire", "backups_expire_at")]


class DeletionAdmin(StaffAdmin):
    list_display = ["short_id", "shown_status", "subject", "countdown", "requested_by", "rows", "finished_at"]
    list_filter = [("status", ChoicesDropdownFilter)]
    search_fields = ["id", "subject_hash"]
    search_help_text = "Id, or the SHA-256 of a tenant's id"
    ordering = ["-requested_at", "-id"]
    fields = [
        "id",
        ("subject", "shown_status"),
        ("countdown", "delete_at"),
        ("requested_by", "requested_at"),
        "reason",
        ("started_at", "finished_at"),
        ("rows", "failure"),
        "subject_hash",
        "external_id_hash",
        "jws",
    ]
    readonly_fields = ["shown_status", "subject", "countdown", "rows"]
    labels = {"jws": "Certificate (JWS)"}
    help_texts = {
        "reason": "Kept until the deletion is verified.",
        "failure": "The class of the error that ended the last attempt.",
        "subject_hash": "The SHA-256 of the tenant's id, in hex.",
        "external_id_hash": "The SHA-256 of <tenant_id>:<external_id>, in hex.",
        "jws": "The certificate, signed.",
    }

    @column("Deletion")
    def short_id(self, deletion: Deletion) -> SafeString:
        return code(f"{deletion.id[:12]}…")

    @column("Status", badges=STATUS_BADGES)
    def shown_status(self, deletion: Deletion) -> str:
        return deletion.get_status_display()

    @column("Tenant")
    def subject(self, deletion: Deletion) -> SafeString | str:
        tenant = Tenant.objects.filter(id=deletion.subject_id).first() if deletion.subject_id else None
        return link(url_of(tenant), tenant) if tenant else "-"

    @column("Time left")
    def countdown(self, deletion: Deletion) -> str:
        return time_left(deletion)

    @column("Rows")
    def rows(self, deletion: Deletion) -> str:
        return f"{deletion.rows_deleted:,}"

    def history_query(self, deletion: Deletion) -> dict[str, Any]:
        return {"q": deletion.subject_id or ""}

    def tables(self, request: HttpRequest, deletion: Deletion) -> Sequence[Table | Figure]:
        if deletion.jws:
            certificate = certificates.read(deletion.jws)
            counted = [(code(t["table"]), f"{t['deleted']:,}", t["left"]) for t in certificate["tables"]]
            releases = [(r["release"], r["epsilon"]) for r in certificate["releases_contributed"]]
            kept = [(code(k["table"]), k["why"]) for k in certificate.get("kept", [])]
            said = [(name, certificate[field]) for name, field in _SAID]
            return [
                Table(title="Certificate", headers=["", ""], rows=said, total=len(said)),
                Table(title="Tables", headers=["Table", "Rows deleted", "Left"], rows=counted, total=len(counted)),
                Table(title="Kept", headers=["Table", "Why"], rows=kept, total=len(kept)),
                Table(title="Releases it was in", headers=["Release", "Epsilon"], rows=releases, total=len(releases)),
            ]
        so_far = [(code(table), f"{count:,}") for table, count in sorted(deletion.tables.items())]
        return [Table(title="So far", headers=["Table", "Rows deleted"], rows=so_far, total=len(so_far))]


def time_left(deletion: Deletion) -> str:
    """How long the tenant can still be restored."""
    if deletion.status != "scheduled":
        return "-"
    return timeuntil(deletion.delete_at) if deletion.delete_at > timezone.now() else "due"


def deletions_of(tenant: Tenant) -> QuerySet[Deletion]:
    return Deletion.objects.filter(subject_id=tenant.id)
