"""Whether acting helps: how many convert of those who may be given something, and of those held out.

By intention to treat: each user counts once, by the first decision of the time, whether or not anything was given.
Those whose conversion may still come are left out, as many days as that takes, so that no rate is short of them.

`trial` has an interval that holds whenever one looks (`decisions.lift.sequence`). That of the last days is Newcombe's
(1998, method 10), from the Wilson (1927) intervals of both shares: it is for one look at a date that was set before,
stays within -1 and 1 and holds for the few and the rare.

A partner's customers differ in how many users convert and in how many they hold out. Shares of all their users together
would compare customers rather than treatments (Simpson's paradox). So customers are strata, of n1 treated users, x1 of
whom converted, and n0 held out, x0 of whom did, and weigh in both shares alike, as Mantel and Haenszel weigh them:

    w = n1 n0 / (n1 + n0)     p1 = sum(w x1 / n1) / sum(w)     p0 = sum(w x0 / n0) / sum(w)

p1 - p0 is their common risk difference (Cochran 1954; Greenland & Robins 1985). A share of so weighted users varies
about as one of m1 = sum(w)^2 / sum(w^2 / n1) users would, and p0 of m0 likewise: with these effective numbers (Korn &
Graubard 1998) the intervals are Wilson's and Newcombe's as above, and for one customer exactly those. Unlike the large
sample's variance (Sato 1989) they hold where each customer holds out one or two, or nobody converted yet.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from decisions.lift.trial import Trial, complete_after
from decisions.recommending import rules
from decisions.recommending.rules import Rules

Z = 1.959963984540054
KEPT_DAYS = 30  # what is counted for partners
MANY = 10_000  # users, whose shares move slowly, and whose count takes long
MOST = 200_000  # decisions: a request does not wait for more


@dataclass(frozen=True)
class Share:
    """`converted` of `users`, with its 95 % interval; of effective numbers where it is weighted."""

    users: float
    converted: float

    @property
    def rate(self) -> float:
        return self.converted / self.users

    @property
    def interval(self) -> tuple[float, float]:
        spread = Z**2 / self.users
        middle = (self.rate + spread / 2) / (1 + spread)
        margin = Z / (1 + spread) * sqrt(self.rate * (1 - self.rate) / self.users + Z**2 / (4 * self.users**2))
        return max(middle - margin, 0.0), min(middle + margin, 1.0)

    def shown(self, *, users: int, converted: int) -> dict[str, Any]:
        """Beside the numbers as they were counted."""
        low, high = self.interval if self.users else (None, None)
        rate = self.rate if self.users else None
        return {"users": users, "converted": converted, "rate": rate, "low": low, "high": high}


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
    """The tenant's lift in its trial, and over the last `days` that are complete."""
    tenant = _read(tenant_id)
    conversion = tenant.rules.conversion
    found = _count(tenant_id, tenant, days, now)
    return {
        "days": days,
        "since": found.since,
        "until": found.until,
        "conversion_event": conversion and conversion.event,
        "treated": Share(*found.treated).shown(users=found.treated[0], converted=found.treated[1]),
        "holdout": Share(*found.held_out).shown(users=found.held_out[0], converted=found.held_out[1]),
        "pending": found.pending,
        "difference": difference(Share(*found.treated), Share(*found.held_out)),
        "trial": _shown(tenant),
    }


def trial(*, tenant_id: UUID) -> dict[str, Any] | None:
    """What the tenant's trial has shown so far; None without a conversion."""
    return _shown(_read(tenant_id))


def keep_count(*, tenant_id: UUID, now: datetime) -> None:
    """Count the tenant's last `KEPT_DAYS` anew, for its partner's sums; `MANY` users once an hour.

    Without a conversion nobody can convert, and nothing is kept.
    """
    with connection.cursor() as cursor:
        cursor.execute(_KEPT, {"tenant_id": tenant_id, "many": MANY, "since": now - timedelta(hours=1)})
        config, is_recent = cursor.fetchone()
        if rules.read(config).conversion is None:
            cursor.execute("DELETE FROM decisions_liftcount WHERE tenant_id = %s", [tenant_id])
            return
        if is_recent:
            return
        found = _count(tenant_id, _read(tenant_id), KEPT_DAYS, now)
        cursor.execute(
            _KEEP,
            {
                "tenant_id": tenant_id,
                "treated": found.treated[0],
                "treated_converted": found.treated[1],
                "held_out": found.held_out[0],
                "held_out_converted": found.held_out[1],
                "now": now,
            },
        )


def lift_of_customers() -> dict[str, Any]:
    """Over all customers of the partner in context that hold users out, as they were counted last.

    The function of the database returns sums, and none while they are of fewer than 20 users of either kind.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM lift_of_customers()")
        return pooled(Sums(*cursor.fetchone()))


class Sums(NamedTuple):
    """Over customers; w is a customer's weight. All but the first are None where they are of too few users."""

    customers: int
    counted_at: datetime | None = None  # the oldest count
    treated: int | None = None
    treated_converted: int | None = None
    held_out: int | None = None
    held_out_converted: int | None = None
    weight: float = 0.0  # of w
    treated_rate: float = 0.0  # of w x1 / n1
    held_out_rate: float = 0.0  # of w x0 / n0
    treated_spread: float = 0.0  # of w^2 / n1
    held_out_spread: float = 0.0  # of w^2 / n0


def pooled(sums: Sums) -> dict[str, Any]:
    """The lift that the sums amount to."""
    found: dict[str, Any] = {
        "days": KEPT_DAYS,
        "customers": sums.customers,
        "counted_at": sums.counted_at,
        "treated": None,
        "holdout": None,
        "difference": None,
    }
    if sums.treated is None:
        return found
    treated = _weighted(sums.treated_rate, sums.treated_spread, sums.weight)
    held_out = _weighted(sums.held_out_rate, sums.held_out_spread, sums.weight)
    return found | {
        "treated": treated.shown(users=sums.treated, converted=sums.treated_converted or 0),
        "holdout": held_out.shown(users=sums.held_out or 0, converted=sums.held_out_converted or 0),
        "difference": difference(treated, held_out),
    }


def _weighted(rate: float, spread: float, weight: float) -> Share:
    users = weight**2 / spread
    # Sums of floats may be a rounding error above 1.
    return Share(users, users * min(rate / weight, 1.0))


@dataclass(frozen=True)
class _Tenant:
    rules: Rules
    trial: Trial | None


def _shown(tenant: _Tenant) -> dict[str, Any] | None:
    conversion = tenant.rules.conversion
    return tenant.trial.shown(tenant.rules, conversion) if tenant.trial and conversion else None


def _read(tenant_id: UUID) -> _Tenant:
    with connection.cursor() as cursor:
        cursor.execute(_READ, {"tenant_id": tenant_id})
        config, started_at, *counts = cursor.fetchone()
    trial = Trial(started_at, (counts[0], counts[1]), (counts[2], counts[3])) if started_at else None
    return _Tenant(rules.read(config), trial)


@dataclass(frozen=True)
class _Counted:
    """Each arm as its users and how many of them converted."""

    since: datetime
    until: datetime
    treated: tuple[int, int]
    held_out: tuple[int, int]
    pending: int


def _count(tenant_id: UUID, tenant: _Tenant, days: int, now: datetime) -> _Counted:
    """The users first decided for in the last `days` after which no conversion is awaited, and those since then.

    Not further back than the trial, before which something else was compared, and than the newest `MOST` decisions.
    """
    until = now - complete_after(tenant.rules.conversion)
    since = until - timedelta(days=days)
    if tenant.rules.conversion and tenant.trial:
        since = max(since, tenant.trial.started_at)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"tenant_id": tenant_id, "since": since, "until": until, "most": MOST})
        treated, treated_converted, held_out, held_out_converted, pending, cut_at = cursor.fetchone()
    since = cut_at or since
    return _Counted(since, max(since, until), (treated, treated_converted), (held_out, held_out_converted), pending)


_READ = """
    SELECT t.config::text, l.started_at, l.treated, l.treated_converted, l.held_out, l.held_out_converted
    FROM tenants_tenant t LEFT JOIN decisions_lifttrial l ON l.tenant_id = t.id WHERE t.id = %(tenant_id)s
"""

# Two stretches of the index (tenant, created_at, id), the newest of each.
_COUNT = """
    WITH complete AS MATERIALIZED (
        SELECT id, user_id, created_at, holdout, converted_at IS NOT NULL AS converted, true AS complete
        FROM decisions_decision
        WHERE tenant_id = %(tenant_id)s AND created_at >= %(since)s AND created_at <= %(until)s AND compared
        ORDER BY created_at DESC, id DESC LIMIT %(most)s
    ), newer AS MATERIALIZED (
        SELECT id, user_id, created_at, holdout, NULL::boolean, false
        FROM decisions_decision
        WHERE tenant_id = %(tenant_id)s AND created_at >= %(since)s AND created_at > %(until)s AND compared
        ORDER BY created_at DESC, id DESC LIMIT %(most)s
    )
    SELECT count(*) FILTER (WHERE complete AND NOT holdout),
        count(*) FILTER (WHERE complete AND NOT holdout AND converted),
        count(*) FILTER (WHERE complete AND holdout), count(*) FILTER (WHERE complete AND holdout AND converted),
        count(*) FILTER (WHERE NOT complete),
        (SELECT min(created_at) FROM complete HAVING count(*) = %(most)s)
    FROM (
        SELECT DISTINCT ON (user_id) holdout, converted, complete
        FROM (SELECT * FROM complete UNION ALL SELECT * FROM newer) decided
        ORDER BY user_id, created_at, id
    ) first
"""

_KEPT = """
    SELECT t.config::text, coalesce(l.treated + l.held_out >= %(many)s AND l.counted_at > %(since)s, false)
    FROM tenants_tenant t LEFT JOIN decisions_liftcount l ON l.tenant_id = t.id WHERE t.id = %(tenant_id)s
"""

_KEEP = """
    INSERT INTO decisions_liftcount
        (tenant_id, counted_at, treated, treated_converted, held_out, held_out_converted)
    VALUES (%(tenant_id)s, %(now)s, %(treated)s, %(treated_converted)s, %(held_out)s, %(held_out_converted)s)
    ON CONFLICT (tenant_id) DO UPDATE SET counted_at = excluded.counted_at, treated = excluded.treated,
        treated_converted = excluded.treated_converted, held_out = excluded.held_out,
        held_out_converted = excluded.held_out_converted
"""
