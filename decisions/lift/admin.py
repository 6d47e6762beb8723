"""The funnel on a tenant's page, drawn by the server: shapes in SVG, and all they say as text under them.

Below it the verdict on the lift, in a sentence.
"""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from decisions.lift import services
from decisions.lift.funnel import DAYS, MOST, Funnel, funnel
from decisions.lift.trial import Verdict
from retivo.staff.pages import Figure, changelist_url
from tenants.models import Tenant

_WIDTH, _HEIGHT = 100.0, 100.0  # of a step, in the drawing's own units
_LEAST = 1.5  # so that what is there is seen


@dataclass(frozen=True)
class Drawn:
    """A step with its shape: a block that narrows towards the next."""

    name: str
    count: str
    rate: str
    lost: str
    points: str
    opacity: float


def funnel_figure(tenant: Tenant) -> Figure | None:
    found = funnel(tenant_id=tenant.id, now=timezone.now())
    if found is None:
        return None
    period = f"last {DAYS} days"
    if found.is_cut:
        period = f"newest {MOST:,} decisions, since {found.since:%Y-%m-%d %H:%M}"
    return Figure(
        title="Decisions",
        template="staff/funnel.html",
        data={"steps": _drawn(found), "period": period, "lift": _lift(tenant)},
        all_url=changelist_url("decisions", "decisionrow", tenant__id__exact=tenant.id),
    )


def _lift(tenant: Tenant) -> str:
    """By the trial alone, whose interval may be looked at on any day."""
    found = services.trial(tenant_id=tenant.id)
    if found is None:
        return ""
    ends = found["difference"] and [100 * found["difference"][end] for end in ("low", "high")]
    match found["verdict"]:
        case Verdict.MORE:
            verdict = f"More users convert because of actions, by {ends[0]:.1f} to {ends[1]:.1f} points."
        case Verdict.FEWER:
            verdict = f"Fewer users convert because of actions, by {-ends[1]:.1f} to {-ends[0]:.1f} points."
        case _:
            verdict = "Whether more users convert because of actions is not known yet"
            verdict += f": the difference is between {ends[0]:+.1f} and {ends[1]:+.1f} points." if ends else "."
    treated, held_out = found["treated"]["users"], found["holdout"]["users"]
    return f"{verdict} {treated:,} treated, {held_out:,} held out, since {found['started_at']:%Y-%m-%d}."


def _drawn(found: Funnel) -> list[Drawn]:
    counts = [step.count for step in found.steps]
    heights = [max(_HEIGHT * count / counts[0], _LEAST if count else 0.0) for count in counts]
    drawn = []
    for index, step in enumerate(found.steps):
        left, end = index * _WIDTH, (index + 1) * _WIDTH
        following = heights[min(index + 1, len(heights) - 1)]
        before = counts[index - 1] if index else 0
        drawn.append(
            Drawn(
                name=step.name,
                count=f"{step.count:,}",
                rate=f"{step.count / before:.0%} of {found.steps[index - 1].name.lower()}" if before else "",
                lost=", ".join(f"{count:,} {words}" for words, count in step.lost.items()),
                points=_points((left, heights[index]), (end - _WIDTH / 3, heights[index]), (end, following)),
                opacity=1 - 0.2 * index,
            )
        )
    return drawn


def _points(*corners: tuple[float, float]) -> str:
    """A polygon that is as high above the middle as below it."""
    middle = _HEIGHT / 2
    above: list[Any] = [(x, middle - height / 2) for x, height in corners]
    below = [(x, middle + height / 2) for x, height in reversed(corners)]
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in [*above, *below])
