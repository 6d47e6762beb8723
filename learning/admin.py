"""Staff pages of releases: what each cost and what it said. No tenant is in a release, so none is shown."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrations.models import ActionTypeTemplate
from learning import library, privacy
from learning.models import ModelState, Release
from learning.models import Pattern as PatternRow
from learning.prior import SHARED, Pattern
from learning.services import MISLEADING
from tenants.admin_base import ROWS_SHOWN, StaffAdmin, Table, code, column, may


@admin.register(Release)
class ReleaseAdmin(StaffAdmin):
    list_display = ["released_at", "cost", "pattern_count"]
    ordering = ["-released_at", "-id"]
    fields = [("released_at", "cost"), ("delta", "rho"), ("deviation", "year"), "misled"]
    readonly_fields = ["cost", "year", "misled"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = found.annotate(pattern_count=Count("patterns"))
        return counted

    @column("ε of each contributor")
    def cost(self, release: Release) -> str:
        return f"{release.epsilon:g} of {settings.PATTERNS_EPSILON:g} a year"

    @column("Patterns")
    def pattern_count(self, release: Any) -> int:
        return int(release.pattern_count)

    @column("Who was in all releases of this year")
    def year(self, release: Release) -> str:
        this_year = Release.objects.filter(released_at__year=timezone.now().year)
        rho = this_year.aggregate(total=Sum("rho"))["total"] or 0.0
        # A tenant without the budget for a release is not in it.
        spent = min(privacy.epsilon_of(rho), settings.PATTERNS_EPSILON)
        return f"spent ε {spent:.2f} of {settings.PATTERNS_EPSILON:g}"

    @column("Tenants whose outcomes speak against the patterns, today")
    def misled(self, release: Release) -> str:
        using = ModelState.objects.filter(pattern_weight__isnull=False)
        return f"{using.filter(pattern_weight__lt=MISLEADING).count()} of {using.count()}"

    def tables(self, request: HttpRequest, release: Release) -> list[Table]:
        if not may(request, "learning.view_pattern"):
            return []
        rows = list(release.patterns.select_related("partner").order_by("partner__name", "block"))
        shared = {row.partner_id: library.as_pattern(row) for row in rows if row.block == SHARED}
        shown = [row for row in rows if row.block != SHARED and row.partner_id in shared]
        names = {
            str(id): name
            for id, name in ActionTypeTemplate.objects.filter(
                id__in=[row.block for row in shown if row.partner_id and len(row.block) == 36]
            ).values_list("id", "name")
        }
        return [
            Table(
                title="Patterns",
                headers=["Of", "Action", "Contributors", "At risk, 0 to 100 %", "Rate"],
                rows=[
                    (
                        row.partner or "all partners",
                        code(names.get(row.block, row.block)),
                        library.band(row.count),
                        *_chart(shared[row.partner_id], row),
                    )
                    for row in shown[:ROWS_SHOWN]
                ],
                total=len(shown),
            )
        ]


def _chart(shared: Pattern, row: PatternRow) -> tuple[SafeString, str]:
    """A bar as long as the rate of users at risk, with the interval of the noise across its end."""
    found = next(one for one in library.segments(shared, library.as_pattern(row)) if one.segment == "at_risk")
    low, high = (200 * end for end in found.interval)
    bar = format_html(
        '<svg width="200" height="14" role="img" aria-label="{}">'
        '<rect width="200" height="14" fill="currentColor" opacity=".1"/>'
        '<rect width="{}" y="3" height="8" fill="currentColor" opacity=".5"/>'
        '<rect x="{}" y="6" width="{}" height="2" fill="currentColor"/></svg>',
        f"{found.rate:.0%}",
        f"{200 * found.rate:.1f}",
        f"{low:.1f}",
        f"{max(high - low, 1):.1f}",
    )
    return bar, f"{found.rate:.1%} ({found.interval[0]:.1%} to {found.interval[1]:.1%})"
