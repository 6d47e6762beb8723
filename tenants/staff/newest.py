"""Lists of tables that hold millions of rows, over all tenants: the newest first, a page at a time, nothing counted.

Such a table has an index on (created_at, id) beside those that begin with the tenant. A filter that none of them serves
is looked for among `LOOK` rows; a page that finds too few is short, and "Older" goes on behind them. A search for an id
or a user has an index in each tenant, and so asks each of them.
"""

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, prefetch_related_objects
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import TextFilter

from retivo.api.errors import Problem
from retivo.api.listing import IN_ANY_ORDER, IN_ORDER
from retivo.api.pagination import NameCursor
from retivo.staff.lists import StaffList, TooSlowError, patience
from retivo.staff.pages import StaffAdmin, code, column, link, url_of
from tenants.models import Tenant

BEFORE = "before"
ORDER = ("-created_at", "-id")
LOOK = 10_000
TENANT = "tenant__id__exact"
INDEXED = (TENANT, "created_at__")


def in_any_tenant(rows: QuerySet[Any], limit: int) -> list[Any]:
    """The newest of the few `rows` that an index of each tenant finds."""
    rows = rows.order_by(*ORDER)
    of_tenant = rows.filter(tenant=OuterRef("pk")).values("created_at")[:1]
    tenants = Tenant.objects.annotate(newest=Subquery(of_tenant)).order_by(F("newest").desc(nulls_last=True), "pk")
    of_each = [rows.filter(tenant=pk)[:limit] for pk, at in tenants.values_list("pk", "newest")[:limit] if at]
    if len(of_each) > 1:
        of_each = [of_each[0].union(*of_each[1:], all=True).order_by(*ORDER)[:limit]]
    return [row for rows in of_each for row in rows]


class NewestList(StaffList):
    """`before` is where a page begins; a link leads to the older ones."""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        found: dict[str, Any] = super().get_filters_params(params)
        found.pop(BEFORE, None)
        return found

    def get_results(self, request: HttpRequest) -> None:
        limit = self.list_per_page
        self.is_later_page = BEFORE in self.params
        found, goes_on = self._found(request, limit + 1)
        self.result_list = found[:limit]
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.paginator = NewestPaginator(self.result_list, limit)
        self.newest_url = self.get_query_string(remove=[BEFORE])
        if len(found) > limit:
            goes_on = NameCursor(created_at=found[limit - 1].created_at, id=found[limit - 1].id)
        self.older_url = self.get_query_string({BEFORE: str(goes_on)}) if goes_on else ""

    def _found(self, request: HttpRequest, limit: int) -> tuple[list[Any], NameCursor | None]:
        """Rows, and where to go on if more may match behind those looked at.

        What has to ask each tenant can take long. Nobody waits for that, the database least of all.
        """
        rows = self._older(self.queryset)
        try:
            with patience(), connection.cursor() as cursor:
                if self.query:
                    # Of a tenant's few rows all are sorted.
                    found = list(rows[:limit]) if TENANT in self.params else in_any_tenant(rows, limit)
                    goes_on = None
                else:
                    cursor.execute(IN_ORDER)
                    goes_on = self._floor()
                    if goes_on is not None:
                        # A row comparison, which the index answers; many rows may be of one time.
                        rows = rows.extra(
                            where=["(created_at, id) >= (%s, %s)"], params=[goes_on.created_at, goes_on.id]
                        )
                    found = list(rows[:limit])
                    cursor.execute(IN_ANY_ORDER)
                prefetch_related_objects(found, "tenant")
        except TooSlowError:
            self.tell_too_slow(request)
            return [], None
        return found, goes_on

    def _older(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        if not self.is_later_page:
            return rows.order_by(*ORDER)
        try:
            after = NameCursor.parse(self.params[BEFORE])
        except Problem as problem:
            raise IncorrectLookupParameters from problem
        return rows.filter(
            Q(created_at__lt=after.created_at) | Q(created_at=after.created_at, id__lt=after.id),
            created_at__lte=after.created_at,  # what an index condition is made of
        ).order_by(*ORDER)

    def _floor(self) -> NameCursor | None:
        """The last of the rows looked at; None where they are not so many, or indexes serve all that is asked."""
        if all(name.startswith(INDEXED) for name in self.filter_params):
            return None
        served = {name: values[-1] for name, values in self.filter_params.items() if name.startswith(INDEXED)}
        looked_at = self._older(self.model.objects.filter(**served)).values_list("created_at", "id")
        return next((NameCursor(*last) for last in looked_at[LOOK - 1 : LOOK]), None)


class NewestPaginator(Paginator):  # type: ignore[type-arg]  # generic for mypy alone
    template_name = "staff/newest_pages.html"


class NewestAdmin(StaffAdmin):
    """Of a model with `tenant`, `created_at` and an `id` that begins with `id_prefix` and is unique over all."""

    id_prefix = ""
    list_per_page = 50
    ordering = ORDER
    search_fields = ["id"]  # that there is a search; see below

    @column("Id")
    def short_id(self, row: Any) -> SafeString:
        return format_html('<span title="{}">{}</span>', row.id, code(f"{row.id[:12]}…"))

    @column("Created at")
    def moment(self, row: Any) -> SafeString:
        return format_html('<span class="whitespace-nowrap">{}</span>', f"{row.created_at:%Y-%m-%d %H:%M:%S}")

    @column("Tenant")
    def tenant_link(self, row: Any) -> SafeString:
        return link(url_of(row.tenant), row.tenant)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[StaffList]:
        return NewestList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Exactly an id or a user: each has an index, a part of either has none."""
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(**{"id" if term.startswith(self.id_prefix) else "user_id": term}), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        if "\0" in object_id:
            return None
        found = in_any_tenant(self.get_queryset(request).filter(id=object_id), 1)
        prefetch_related_objects(found, "tenant")
        return next(iter(found), None)


class ExactFilter(TextFilter):  # type: ignore[misc]  # unfold carries no types
    """The column of the parameter's name, exactly."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        return queryset.filter(**{str(self.parameter_name): value}) if value else queryset
