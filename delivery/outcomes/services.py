"""Recording outcomes, by one function in the database. Of several reports of an action the first stands."""

from collections.abc import Iterable
from typing import Any, TypedDict
from uuid import UUID

from django.db import connection

from delivery.models import OutcomeReporter
from retivo.api.errors import Problem, not_found
from retivo.api.json import encode
from retivo.database.cursor import kept_cursor

NO_ACTION = "This URL belongs to no action. Use `outcome_url` exactly as the action's webhook has it."


class Outcome(TypedDict):
    """`status` is one of `OutcomeStatus`; `result` is what its reporter says beside."""

    status: str
    result: dict[str, Any] | None


class OfAction(Outcome):
    """An outcome, and the action's id."""

    action_id: str


def record(*, tenant_id: UUID, action_id: str, outcome: Outcome) -> None:
    """What the tenant itself says came of its action, in its context.

    Raises:
        Problem: 404, 409 `outcome_recorded` the second time, 409 `action_not_sent` before the first attempt.
    """
    outcomes = [OfAction(action_id=action_id, **outcome)]
    ((_, verdict, stands),) = _recorded(tenant_id, outcomes, OutcomeReporter.TENANT)
    _check(verdict, stands)


def record_by_url(*, tenant_id: UUID, action_id: str, outcome: Outcome) -> None:
    """What the receiver of an action says at its outcome URL. Needs no context; the token that names both was checked.

    Raises:
        Problem: as `record`.
    """
    cursor = kept_cursor()
    cursor.execute(
        "SELECT verdict, outcome_status"
        " FROM record_outcome_by_url(%(tenant_id)s, %(action_id)s, %(status)s, %(result)s::jsonb)",
        {
            "tenant_id": tenant_id,
            "action_id": action_id,
            "status": outcome["status"],
            "result": encode(outcome["result"]).decode(),
        },
    )
    verdict, stands = cursor.fetchone()
    if verdict == "unknown":
        raise no_action()
    _check(verdict, stands)


def no_action() -> Problem:
    """The 404 of an outcome URL, which is sent without an API key."""
    return Problem(404, "not_found", NO_ACTION)


def record_answered(*, tenant_id: UUID, outcomes: Iterable[OfAction]) -> None:
    """What receivers said in their answers, in the tenant's context. What is recorded already stays as it is."""
    _recorded(tenant_id, outcomes, OutcomeReporter.ANSWER)


def record_of_customers(*, partner_id: UUID, outcomes: Iterable[OfAction]) -> dict[str, str]:
    """What a partner says came of actions of its integrations, in its context: one outcome an action.

    Returns:
        By the action's id `recorded`, `duplicate` or `unknown`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT action_id, verdict FROM record_outcome_of_own_integration(%(partner_id)s, %(outcomes)s::jsonb)",
            {"partner_id": partner_id, "outcomes": encode(list(outcomes)).decode()},
        )
        return dict(cursor.fetchall())


def _recorded(tenant_id: UUID, outcomes: Iterable[OfAction], reporter: OutcomeReporter) -> list[tuple[str, str, str]]:
    rows = [{"tenant_id": tenant_id, **outcome} for outcome in outcomes]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT action_id, verdict, outcome_status FROM record_outcomes(%(outcomes)s::jsonb, %(reporter)s)",
            {"outcomes": encode(rows).decode(), "reporter": reporter},
        )
        return list(cursor.fetchall())


def _check(verdict: str, stands: str | None) -> None:
    match verdict:
        case "unknown":
            raise not_found()
        case "duplicate":
            raise Problem(409, "outcome_recorded", f"The outcome `{stands}` is recorded already.")
        case "unsent":
            raise Problem(409, "action_not_sent", "This action has not been sent yet.")
