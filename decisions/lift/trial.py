"""A tenant's trial: the users who were decided for since what is compared was last changed, as they are counted.

It begins when the tenant's conversion or its share held out is changed (the database's function begin_lift_trial), and
anew after a year. Each user counts once, by the first decision of the trial, as soon as no conversion of it can follow.
So the four counts that are kept are complete, they tell nothing of who is still awaited, and reading them costs the
same for every tenant.

A trial ends while the ledger still has its first decision: a user who was counted must not count again, since whether
they are held out is drawn once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection

from decisions.lift import sequence
from decisions.recommending import rules
from decisions.recommending.rules import Conversion, Rules

LEDGER_DAYS = 400
_LONGEST = timedelta(days=365)
_SPARE = timedelta(days=1)  # for a worker that is late


class Verdict(StrEnum):
    """What the trial has shown so far, at a risk of 5 % over all of it."""

    MORE = "more_convert"
    FEWER = "fewer_convert"
    UNKNOWN = "not_known_yet"


@dataclass(frozen=True)
class Trial:
    """Each arm as its users and how many of them converted."""

    started_at: datetime
    treated: tuple[int, int]
    held_out: tuple[int, int]

    def difference(self, share: float) -> dict[str, float] | None:
        """None where an arm has no users, or both are not as large as the draw makes them."""
        if not self.treated[0] or not self.held_out[0] or not share:
            return None
        low, high = sequence.interval(sequence.Counts(*self.treated, *self.held_out), share)
        value = self.treated[1] / self.treated[0] - self.held_out[1] / self.held_out[0]
        return {"value": value, "low": low, "high": high} if low <= value <= high else None

    def shown(self, of_tenant: Rules, conversion: Conversion) -> dict[str, Any]:
        found = self.difference(of_tenant.holdout_percent / 100)
        return {
            "started_at": self.started_at,
            "ends_at": self.started_at + lasts(conversion),
            "treated": _arm(*self.treated),
            "holdout": _arm(*self.held_out),
            "difference": found,
            "verdict": _verdict(found),
        }


def _arm(users: int, converted: int) -> dict[str, Any]:
    return {"users": users, "converted": converted, "rate": converted / users if users else None}


def _verdict(difference: dict[str, float] | None) -> Verdict:
    if difference is None or difference["low"] <= 0 <= difference["high"]:
        return Verdict.UNKNOWN
    return Verdict.MORE if difference["low"] > 0 else Verdict.FEWER


def lasts(conversion: Conversion) -> timedelta:
    """How long a trial goes on. What is awaited after its end is still counted."""
    return min(_LONGEST, timedelta(days=LEDGER_DAYS) - _SPARE - complete_after(conversion))


def complete_after(conversion: Conversion | None) -> timedelta:
    """The age at which a decision has converted, or never will."""
    return conversion.within + rules.LATE if conversion else timedelta(0)


def count(*, tenant_id: UUID, decisions: Sequence[str], conversion: Conversion, now: datetime) -> None:
    """Count the users whose first decision is among these. They were just closed, in this transaction.

    The trial's row stays locked until its end.
    """
    parameters: dict[str, Any] = {
        "tenant_id": tenant_id,
        "decisions": list(decisions),
        "lasts": lasts(conversion),
        "complete": now - complete_after(conversion),
    }
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, parameters)
        cursor.execute(_COUNT, parameters)


# Once all decisions of the year are counted, and none of after it.
_RENEW = """
    UPDATE decisions_lifttrial SET
        started_at = started_at + %(lasts)s::interval
            * floor(extract(epoch FROM %(complete)s - started_at) / extract(epoch FROM %(lasts)s::interval)),
        treated = 0, treated_converted = 0, held_out = 0, held_out_converted = 0
    WHERE tenant_id = %(tenant_id)s AND started_at + %(lasts)s::interval <= %(complete)s
"""

# The first decision is looked up in the index (tenant, user_id, created_at).
_COUNT = """
    WITH trial AS MATERIALIZED (
        SELECT started_at FROM decisions_lifttrial WHERE tenant_id = %(tenant_id)s FOR NO KEY UPDATE
    ), entered AS (
        SELECT d.holdout, d.converted_at IS NOT NULL AS converted
        FROM decisions_decision d
        WHERE d.tenant_id = %(tenant_id)s AND d.id = ANY(%(decisions)s) AND d.compared AND d.id = (
            SELECT first.id FROM decisions_decision first
            WHERE first.tenant_id = %(tenant_id)s AND first.user_id = d.user_id AND first.compared
              AND first.created_at >= (SELECT started_at FROM trial)
            ORDER BY first.created_at, first.id LIMIT 1
        )
    )
    UPDATE decisions_lifttrial t SET
        treated = t.treated + e.treated, treated_converted = t.treated_converted + e.treated_converted,
        held_out = t.held_out + e.held_out, held_out_converted = t.held_out_converted + e.held_out_converted
    FROM (
        SELECT count(*) FILTER (WHERE NOT holdout) AS treated,
            count(*) FILTER (WHERE NOT holdout AND converted) AS treated_converted,
            count(*) FILTER (WHERE holdout) AS held_out,
            count(*) FILTER (WHERE holdout AND converted) AS held_out_converted
        FROM entered
    ) e
    WHERE t.tenant_id = %(tenant_id)s AND e.treated + e.held_out > 0
"""
