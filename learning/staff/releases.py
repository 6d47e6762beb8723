"""Staff pages of releases: what each cost and what it said. No tenant is in a release, so none is shown."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from events.models import LifecycleStage
from integrations.models import ActionTypeTemplate
from learning.model.prior import SHARED
from learning.models import Release
from learning.patterns import library, privacy
from learning.patterns.library import Segment
from learning.staff.weights import misled, misled_url, using_patterns
from retivo.staff.pages import ROWS_SHOWN, Figure, StaffAdmin, Table, column, link, may


class ReleaseAdmin(StaffAdmin):
    list_display = ["released_at", "cost", "pattern_count"]
    ordering = ["-released_at", "-id"]
    fields = [("released_at", "cost"), ("delta", "rho"), ("deviation", "year"), "misled"]
    readonly_fields = ["cost", "year", "misled"]
    help_texts = {
        "rho": "The cost in zero-concentrated differential privacy, in which costs add up.",
        "deviation": "The standard deviation of the noise on each sum.",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        counted: QuerySet[Any] = found.annotate(pattern_count=Count("patterns"))
        return counted

    @column("Cost to each contributor, ε")
    def cost(self, release: Release) -> str:
        return f"{release.epsilon:.3g} of {settings.PATTERNS_EPSILON:g} a year"

    @column("Patterns")
    def pattern_count(self, release: Any) -> int:
        return int(release.pattern_count)

    @column("Who was in all releases of the last 365 days")
    def year(self, release: Release) -> str:
        recent = Release.objects.filter(released_at__gt=timezone.now() - timedelta(days=365))
        rho = recent.aggregate(total=Sum("rho"))["total"] or 0.0
        # A tenant without the budget for a release is not in it.
        spent = min(privacy.epsilon_of(rho), settings.PATTERNS_EPSILON)
        return f"spent ε {spent:.2f} of {settings.PATTERNS_EPSILON:g}"

    @column("Tenants whose outcomes speak against the patterns, today")
    def misled(self, release: Release) -> SafeString:
        return link(misled_url(), f"{misled().count()} of {using_patterns().count()}")

    def tables(self, request: HttpRequest, release: Release) -> Sequence[Table | Figure]:
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
        patterns = [
            {
                "action": names.get(row.block, row.block),
                "of": row.partner or "all partners",
                "contributors": library.band(row.count),
                "stages": [_drawn(each) for each in library.segments(shared[row.partner_id], library.as_pattern(row))],
            }
            for row in shown[:ROWS_SHOWN]
        ]
        period = "how often the action succeeds, by stage; the band is 95 % of the noise alone"
        if len(shown) > ROWS_SHOWN:
            period += f"; the first {ROWS_SHOWN} of {len(shown)}"
        return [Figure(title="Patterns", template="staff/patterns.html", data={"patterns": patterns, "period": period})]


def _drawn(found: Segment) -> dict[str, str]:
    """A stage's rate with its interval, on a line from 0 to 100 %."""
    low, high = found.interval
    return {
        "name": LifecycleStage(found.segment).label,
        "at": f"{100 * found.rate:.2f}",
        "low": f"{100 * low:.2f}",
        "width": f"{100 * (high - low):.2f}",
        "rate": f"{found.rate:.1%}",
        "interval": f"{low:.1%} to {high:.1%}",
    }
