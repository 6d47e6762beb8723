"""Whether acting helps: how many convert of those who may be given something, and of those held out.

By intention to treat: each user counts once, by the first decision of the time, whether or not anything was given.
The interval of the difference is Newcombe's (1998, method 10), from the Wilson (1927) intervals of both shares: it
stays within -1 and 1 and holds for the few and the rare.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from typing import Any
from uuid import UUID

from django.db import connection

from decisions import rules

Z = 1.959963984540054


@dataclass(frozen=True)
class Share:
    """`converted` of `users`, with its 95 % interval."""

    users: int
    converted: int

    @property
    def rate(self) -> float:
        return self.converted / self.users

    @property
    def interval(self) -> tuple[float, float]:
        spread = Z**2 / self.users
        middle = (self.rate + spread / 2) / (1 + spread)
        margin = Z / (1 + spread) * sqrt(self.rate * (1 - self.rate) / self.users + Z**2 / (4 * self.users**2))
        return max(middle - margin, 0.0), min(middle + margin, 1.0)

    def shown(self) -> dict[str, Any]:
        low, high = self.interval if self.users else (None, None)
        rate = self.rate if self.users else None
        return {"users": self.users, "converted": self.converted, "rate": rate, "low": low, "high": high}


def difference(treated: Share, held_out: Share) -> dict[str, float] | None:
    """How much larger the share of the treated is; None where one has no users."""
    if not treated.users or not held_out.users:
        return None
    value = treated.rate - held_out.rate
    (low_treated, high_treated), (low_out, high_out) = treated.interval, held_out.interval
    return {
        "value": value,
        "low": value - sqrt((treated.rate - low_treated) ** 2 + (high_out - held_out.rate) ** 2),
        "high": value + sqrt((high_treated - treated.rate) ** 2 + (held_out.rate - low_out) ** 2),
    }


def lift(*, tenant_id: UUID, days: int, now: datetime) -> dict[str, Any]:
    """The tenant's lift over the last `days`."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"tenant_id": tenant_id, "since": now - timedelta(days=days)})
        treated_users, treated_converted, held_out, held_out_converted, config = cursor.fetchone()
    conversion = rules.read(config).conversion
    treated, control = Share(treated_users, treated_converted), Share(held_out, held_out_converted)
    return {
        "days": days,
        "conversion_event": conversion and conversion.event,
        "treated": treated.shown(),
        "holdout": control.shown(),
        "difference": difference(treated, control),
    }


_COUNT = """
    SELECT count(user_id) FILTER (WHERE NOT holdout), count(user_id) FILTER (WHERE NOT holdout AND converted),
        count(user_id) FILTER (WHERE holdout), count(user_id) FILTER (WHERE holdout AND converted),
        (SELECT config::text FROM tenants_tenant WHERE id = %(tenant_id)s)
    FROM (
        SELECT DISTINCT ON (user_id) user_id, holdout, converted_at IS NOT NULL AS converted
        FROM decisions_decision
        WHERE tenant_id = %(tenant_id)s AND created_at >= %(since)s AND compared
        ORDER BY user_id, created_at, id
    ) first
"""
