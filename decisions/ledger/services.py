"""The ledger of decisions: listed, read one by one, exported whole. Runs in the tenant's context."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from learning.model.state import NOTHING
from learning.services import REWARD
from retivo.api import forward
from retivo.api.errors import not_found
from retivo.api.forward import BEGINNING, Place, Stretch
from retivo.api.json import encode
from retivo.api.listing import Listing
from retivo.api.pagination import Cursor
from tenants.context import Context, tenant_context

EXPORT_BATCH = 1000


class Outcome(msgspec.Struct):
    """What came of a decision; null is what is not known yet. `reward` is what the model is told."""

    status: str | None
    reported_at: datetime | None
    converted_at: datetime | None
    conversion: float
    reward: float | None


class Decision(msgspec.Struct, kw_only=True):
    id: str
    user_id: str
    created_at: datetime
    action: str | None
    action_type_id: str | None
    parameters: msgspec.Raw | None
    confidence: float | None
    propensity: float
    reasoning: str
    guardrails: msgspec.Raw
    stopped_by: str | None
    holdout: bool
    shadow: bool
    action_id: str | None
    intervention_id: str | None
    request_id: str
    cost_usd: str | None
    model_version: int
    prior_share: float | None
    outcome: Outcome


class DecisionDetail(Decision, kw_only=True):
    """With all that it was made by."""

    request: msgspec.Raw
    candidates: msgspec.Raw
    features: msgspec.Raw


class Exported(msgspec.Struct, kw_only=True):
    """One line of the export: what off-policy evaluation needs. `learning.evaluation.services.Logged` is made of it."""

    decision_id: str
    user_id: str
    created_at: datetime
    drawn: bool
    holdout: bool
    shadow: bool
    model_version: int
    features: msgspec.Raw
    actions: list[str]
    propensities: list[float]
    action: str
    propensity: float
    confidence: float | None
    outcome_status: str | None
    conversion: float
    reward: float | None
    cursor: str = ""


def list_decisions(
    *, tenant_id: UUID, where: Mapping[str, Any], limit: int, after: Place | Cursor | None = None
) -> dict[str, Any]:
    """A page of the decisions, newest first, and how many match on all pages; behind a `Place`, read forward."""
    if isinstance(after, Place):
        return forward.page(_LISTING, tenant_id=tenant_id, limit=limit, after=after, where=where).named("decisions")
    return _LISTING.page(tenant_id=tenant_id, limit=limit, after=after, where=where).named("decisions")


def get_decision(*, tenant_id: UUID, decision_id: str) -> DecisionDetail:
    """Raises Problem 404."""
    with connection.cursor() as cursor:
        cursor.execute(_GET, {"tenant_id": tenant_id, "id": decision_id})
        row = cursor.fetchone()
    if row is None:
        raise not_found()
    *columns, request, candidates, features = row
    return DecisionDetail(
        **_members(columns),
        request=_raw(request),
        candidates=_raw(candidates),
        features=_raw(features),
    )


def export(
    *,
    tenant_id: UUID,
    context: Context,
    since: datetime | None,
    until: datetime | None,
    cursor: Place | None = None,
) -> Iterator[bytes]:
    """The decisions of the time behind `cursor`, as lines of JSON; whoever goes on from the last one gets each once.

    The first batch is read at once, in the caller's transaction: a database that does not answer is then the answer to
    the request. Each further batch is read in a transaction of its own, which `context` makes: whoever reads the lines
    may take their time, and outlives the request's.
    """
    first = forward.stretch(
        _EXPORT, tenant_id=tenant_id, limit=EXPORT_BATCH, after=cursor or BEGINNING, since=since, until=until
    )
    further = _further(tenant_id, context, first, since, until)
    return (b"".join(encode(line) + b"\n" for line in _lines(batch)) for batch in chain([first], further) if batch.rows)


def batches(*, tenant_id: UUID, since: datetime | None, until: datetime | None) -> Iterator[list[Exported]]:
    """All decisions of the time; each batch is read in a transaction of its own."""
    context = partial(tenant_context, tenant_id)
    with context():
        first = forward.stretch(_EXPORT, tenant_id=tenant_id, limit=EXPORT_BATCH, since=since, until=until)
    return map(_lines, chain([first], _further(tenant_id, context, first, since, until)))


def _further(
    tenant_id: UUID, context: Context, batch: Stretch[Exported], since: datetime | None, until: datetime | None
) -> Iterator[Stretch[Exported]]:
    while not batch.is_all:
        with context():
            batch = forward.stretch(
                _EXPORT, tenant_id=tenant_id, limit=EXPORT_BATCH, after=batch.next, since=since, until=until
            )
        yield batch


def _lines(batch: Stretch[Exported]) -> list[Exported]:
    for line, place in batch.rows:
        line.cursor = str(place)
    return [line for line, _ in batch.rows]


def _members(row: Any) -> dict[str, Any]:
    *columns, status, reported_at, converted_at, conversion, reward = row
    members = dict(zip(_SHOWN, columns, strict=True))
    members |= {name: _raw(members[name]) for name in ("parameters", "guardrails")}
    members["outcome"] = Outcome(status, reported_at, converted_at, conversion, reward)
    return members


def _raw(text: str | None) -> Any:
    return None if text is None else msgspec.Raw(text.encode())


def _exported(row: Any) -> Exported:
    (
        decision_id,
        user_id,
        created_at,
        stopped_by,
        holdout,
        shadow,
        version,
        features,
        candidates,
        action_type_id,
        propensity,
        confidence,
        status,
        conversion,
        reward,
    ) = row
    left = [each for each in msgspec.json.decode(candidates) if each["excluded_because"] is None]
    return Exported(
        decision_id=decision_id,
        user_id=user_id,
        created_at=created_at,
        drawn=stopped_by is None,
        holdout=holdout,
        shadow=shadow,
        model_version=version,
        features=_raw(features),
        actions=[each["action_type_id"] or NOTHING for each in left],
        propensities=[each["propensity"] for each in left],
        action=action_type_id or NOTHING,
        propensity=propensity,
        confidence=confidence,
        outcome_status=status,
        conversion=conversion,
        reward=reward,
    )


_TEXTS = {"parameters", "guardrails", "cost_usd"}
_SHOWN = tuple(name for name in Decision.__struct_fields__ if name != "outcome")

# Known as soon as anything came of it, or nothing will any more; of what only might have been done, never.
_REWARD = f"""
    CASE WHEN t.shadow OR t.stopped_by <> 'holdout' THEN NULL
         WHEN a.outcome_status IS NOT NULL OR t.converted_at IS NOT NULL
             THEN {REWARD.format(worth="worth_of_outcome(a.outcome_status)", conversion="t.conversion")}
         WHEN a.status IN ('failed', 'expired') THEN NULL
         WHEN t.closed_at IS NOT NULL THEN 0
    END::float8
"""

_COLUMNS = f"""
    {", ".join(f"t.{name}{'::text' if name in _TEXTS else ''}" for name in _SHOWN)},
    a.outcome_status, a.outcome_at, t.converted_at, t.conversion, {_REWARD}
"""

# The look-up is LATERAL with a LIMIT: an index scan for each of a page's rows, where a join could read all actions.
_WITH_ACTION = """
    LEFT JOIN LATERAL (
        SELECT status, outcome_status, outcome_at FROM delivery_action
        WHERE tenant_id = t.tenant_id AND id = t.action_id LIMIT 1
    ) a ON true
"""

_FROM = f"decisions_decision t {_WITH_ACTION}"

_LISTING: Listing[Decision] = Listing(
    table="decisions_decision",
    columns=_COLUMNS,
    read=lambda row: Decision(**_members(row)),
    joined=_WITH_ACTION,
    descending=True,
)

_GET = f"""
    SELECT {_COLUMNS}, t.request::text, t.candidates::text, t.features::text
    FROM {_FROM} WHERE t.tenant_id = %(tenant_id)s AND t.id = %(id)s
"""

_EXPORT: Listing[Exported] = Listing(
    table="decisions_decision",
    columns=f"""
        t.id, t.user_id, t.created_at, t.stopped_by, t.holdout, t.shadow, t.model_version,
        t.features::text, t.candidates::text, t.action_type_id, t.propensity, t.confidence, a.outcome_status,
        t.conversion, {_REWARD}
    """,
    read=_exported,
    joined=_WITH_ACTION,
)
