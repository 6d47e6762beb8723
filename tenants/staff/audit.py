"""The staff page of the audit trail. Nobody adds, changes or deletes an entry here."""

from typing import Any, cast
from uuid import UUID

from django.contrib.admin import DateFieldListFilter
from django.db import connection
from django.db.models import Max, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter

from retivo.staff.pages import StaffAdmin, column, link, url_of
from tenants.models import AuditEntry, Tenant

SEARCHED = 100_000


class ActionFilter(DropdownFilter):  # type: ignore[misc]  # unfold carries no types
    title = "action"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        with connection.cursor() as cursor:
            cursor.execute(_ACTIONS)
            return [(action, action) for (action,) in cursor.fetchall()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset.filter(action=self.value()) if self.value() else queryset


# From one to the next in the index: DISTINCT would read the whole trail.
_ACTIONS = """
    WITH RECURSIVE found AS (
        SELECT min(action) AS action FROM tenants_auditentry
        UNION ALL
        SELECT (SELECT min(e.action) FROM tenants_auditentry e WHERE e.action > found.action) FROM found
        WHERE found.action IS NOT NULL
    )
    SELECT action FROM found WHERE action IS NOT NULL
"""


# Whether the entry has its hash. Whether the chain leads to it, `manage.py verify_audit_trail` tells.
_IS_INTACT = "SELECT is_audit_entry_intact(e) FROM tenants_auditentry e WHERE id = %s"


class AboutFilter(DropdownFilter):  # type: ignore[misc]  # unfold carries no types
    """Entries about one staff account, `user:7` or `group:4`. Its history leads here; nothing else offers it."""

    title = parameter_name = "about"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kind, _, _ = (self.value() or "").partition(":")
        if not kind:
            return []
        newest = self.queryset(request, AuditEntry.objects.order_by("-id")).first()
        return [(self.value(), f"{kind} {newest.detail[kind]['name']}" if newest else self.value())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        kind, _, key = (self.value() or "").partition(":")
        if not kind:
            return queryset
        about = {kind: {"id": int(key)}} if key.isdecimal() and len(key) < 19 else {}
        # No tenant's: these have an index among themselves.
        return queryset.filter(tenant_id=None, detail__contains=about) if about else queryset.none()


class AuditEntryAdmin(StaffAdmin):
    search_fields = ["actor", "action", "detail__user__name", "detail__group__name"]
    search_help_text = f"The id of a tenant; or an actor, action or account in the newest {SEARCHED:,} entries"
    list_display = ["created_at", "actor", "address", "action", "tenant", "short_detail"]
    list_filter = [ActionFilter, ("created_at", DateFieldListFilter), AboutFilter]
    ordering = ["-id"]
    fields = [
        "created_at",
        "actor",
        "address",
        "action",
        "tenant",
        "tenant_id",
        "detail",
        "public_id",
        "place",
        "hash",
        "is_intact",
    ]
    readonly_fields = ["tenant", "place", "hash", "is_intact"]
    help_texts = {
        "address": "The caller's address. Commands and workers have none.",
        "tenant_id": "Changes of staff accounts have none.",
        "public_id": "Random. Entries from before there were such ids have none.",
    }

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEntry], search_term: str
    ) -> tuple[QuerySet[AuditEntry], bool]:
        """The trail is kept for good: by a tenant's id an index finds all, other text is looked for in the newest."""
        try:
            return queryset.filter(tenant_id=UUID(search_term.strip())), False
        except ValueError:
            pass
        if search_term.strip():
            newest = AuditEntry.objects.aggregate(id=Max("id"))["id"] or 0
            queryset = queryset.filter(id__gt=newest - SEARCHED)
        found: tuple[QuerySet[AuditEntry], bool] = super().get_search_results(request, queryset, search_term)
        return found

    def history_query(self, obj: AuditEntry) -> dict[str, Any]:
        for kind in ("user", "group"):
            if obj.tenant_id is None and kind in obj.detail:
                return {"about": f"{kind}:{obj.detail[kind]['id']}"}
        return super().history_query(obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        names = Tenant.objects.filter(id=OuterRef("tenant_id")).values("name")
        entries: QuerySet[AuditEntry] = super().get_queryset(request)
        return entries.annotate(tenant_name=Subquery(names))

    @column("Tenant")
    def tenant(self, entry: Any) -> SafeString | UUID | None:
        if entry.tenant_name is None:
            return cast("UUID | None", entry.tenant_id)
        return link(url_of(Tenant(id=entry.tenant_id)), entry.tenant_name)

    @column("Place in the chain")
    def place(self, entry: AuditEntry) -> str | None:
        """As its tenant, or the tenant's partner, is shown it."""
        return None if entry.family_seq is None else f"{entry.family_seq} of {entry.family_id}"

    @column("Hash")
    def hash(self, entry: AuditEntry) -> str | None:
        return None if entry.family_hash is None else bytes(entry.family_hash).hex()

    @column("As it was written")
    def is_intact(self, entry: AuditEntry) -> str | None:
        with connection.cursor() as cursor:
            cursor.execute(_IS_INTACT, [entry.id])
            return {True: "Yes", False: "No: it was changed", None: None}[cursor.fetchone()[0]]

    @column("Detail")
    def short_detail(self, entry: AuditEntry) -> str:
        text = ", ".join(f"{name}: {value}" for name, value in entry.detail.items())
        return text if len(text) <= 80 else f"{text[:79]}…"
