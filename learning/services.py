"""Outcomes in, a model out. Everything runs in the tenant's context.

Outcomes are appended; one learner folds them, in batches, under the lock of the state's row. A decision reads the state
without any lock, and finds the version before or the one after, never half of one.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from threading import Lock
from typing import NamedTuple, NotRequired, TypedDict
from uuid import UUID

import structlog
from django.db import connection
from msgspec.json import decode

from learning.model.features import declared
from learning.model.packing import Columns, packed, unpacked
from learning.model.prior import SHARED
from learning.model.state import Example, State
from learning.models import ModelState
from learning.patterns import library
from learning.patterns.statistic import statistic
from retivo.api.json import encode

log = structlog.get_logger("retivo.learning")

# The reward in SQL, of what the outcome is worth (NULL without one) and of the conversion.
REWARD = "least(coalesce({worth}, 0) + {conversion}, 1)"

MISLEADING = 0.1  # patterns of a lower probability are reported, once

KEPT_DAYS = 90  # how long a decision's outcome is remembered, and so the longest window for a conversion

_BATCH = 1000
_STEP = 100  # examples a batch: each is foretold before the next is learned
_CACHED = 64


def record(
    *,
    tenant_id: UUID,
    decision_id: str,
    user_id: str,
    action: str,
    features: Mapping[str, float],
    outcome: float | None = None,
    conversion: float = 0.0,
) -> bool:
    """Append what became of a decision; False where that is known already, or the user is gone.

    Safe to repeat: the first outcome stands, and the largest conversion; the reward is their sum, at most 1. What comes
    after the reward was folded is folded as a difference.

    Args:
        action: an action type's id, or `NOTHING`.
        features: those that the decision was made by, from `features.of_user`.
        outcome: as worth_of_outcome() has it.
        conversion: what a configured conversion event adds, 0 to 1.
    """
    if not all(isfinite(value) for value in features.values()):
        raise ValueError("A feature is a finite number.")  # no later fold could get past it
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD,
            {
                "tenant_id": tenant_id,
                "decision_id": decision_id,
                "user_id": user_id,
                "action": action,
                "features": encode(dict(features)).decode(),
                "outcome": outcome,
                "conversion": conversion,
            },
        )
        return bool(cursor.rowcount)


class Report(TypedDict):
    """What became of a remembered decision. With neither member: nothing came of it so far, which is a trial, too."""

    decision_id: str
    outcome: NotRequired[float]
    conversion: NotRequired[float]


def report(*, tenant_id: UUID, reports: Sequence[Report]) -> int:
    """As `record`, for remembered decisions by their ids, many at once; how many this told something new.

    Those that are not remembered, because they are too old or not to be learned from, are left out.
    """
    with connection.cursor() as cursor:
        cursor.execute(_REPORT, {"tenant_id": tenant_id, "reports": encode(reports).decode()})
        return int(cursor.fetchone()[0])


def fold(*, tenant_id: UUID, limit: int = _BATCH) -> int:
    """Fold the oldest waiting examples into the tenant's state; how many they were. Two at once take turns."""
    ModelState.objects.bulk_create([ModelState(tenant_id=tenant_id)], ignore_conflicts=True)
    row = ModelState.objects.select_for_update(of=("self",)).select_related("tenant").get(tenant_id=tenant_id)
    names = declared(row.tenant.config)[0].names
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"tenant_id": tenant_id, "limit": limit})
        waiting = cursor.fetchall()
    if not waiting:
        return 0
    state = unpacked(Columns._make(getattr(row, name) for name in Columns._fields))
    examples = [Example(decode(features), *known) for _, features, *known in waiting]
    for start in range(0, len(examples), _STEP):
        state = state.learned(examples[start : start + _STEP], names)
    decisions = [decision_id for decision_id, *_ in waiting]
    weight = _pattern_weight(tenant_id, state, names, row.pattern_weight)
    with connection.cursor() as cursor:
        cursor.execute(
            _STORE,
            {
                "tenant_id": tenant_id,
                "decisions": decisions,
                "statistic": statistic(state).ravel().tolist(),
                "pattern_weight": weight,
                **packed(state)._asdict(),
            },
        )
    return len(waiting)


def _pattern_weight(tenant_id: UUID, state: State, names: Sequence[str], before: float | None) -> float | None:
    """How probable the patterns are by now; None where there are none. What misleads is worth a look."""
    found = library.of_tenant(tenant_id=tenant_id)
    if not found:
        return None
    actions = [block for block in found if block != SHARED]
    weight = min(state.with_patterns(found).covering(names, actions).pattern_weight, 1.0)
    if weight < MISLEADING <= (1.0 if before is None else before):
        log.warning("pattern_misleads", tenant_id=str(tenant_id), weight=round(weight, 3))
    return weight


class Newest(NamedTuple):
    """What a tenant's state as a decision reads it depends on, as NEWEST asks for it."""

    version: int
    release: int | None
    action_types: int | None  # a digest of which there are, and of their kinds
    consent: str | None


def load(*, tenant_id: UUID, newest: Newest | None = None) -> State:
    """The tenant's state as last committed, with the patterns released for it; the cold one before the first fold.

    Args:
        newest: what the caller knows of it by NEWEST; where this process has that, nothing is asked.
    """
    with _lock:
        known = _states.get(tenant_id)
    if known and known.newest == newest:
        return known.state
    with connection.cursor() as cursor:
        cursor.execute(_LOAD, {"tenant_id": tenant_id, "known": known.newest.version if known else -1})
        row = cursor.fetchone()
    newest, columns = Newest(*row[:4]), row[4:]
    if known and newest.version == known.newest.version:
        state = known.state
    else:
        state = unpacked(Columns._make(columns)) if newest.version else State.cold()
    if known and newest[1:] == known.newest[1:]:
        if state is known.state:
            return state
        state = state.with_patterns(known.state.patterns)
    else:
        state = state.with_patterns(library.of_tenant(tenant_id=tenant_id) if newest.release else {})
    with _lock:
        _states.pop(tenant_id, None)
        _states[tenant_id] = _Cached(state, newest)
        if len(_states) > _CACHED:
            del _states[next(iter(_states))]
    return state


# Keeps what a decision was made by, until `report` tells what became of it; for a statement that writes the decision.
# An `example_action` that is null is not learned from. The user is there, and held.
REMEMBER = """
    INSERT INTO learning_remembereddecision (tenant_id, decision_id, user_id, action, features, decided_at)
    SELECT %(tenant_id)s, %(decision_id)s, %(user_id)s, %(example_action)s::text,
        jsonb_strip_nulls(%(features)s::jsonb), %(created_at)s
    WHERE %(example_action)s::text IS NOT NULL
"""


# Four columns, for a statement that reads what a decision goes by. The version is 0 where there is no state.
NEWEST = """
    coalesce((SELECT version FROM learning_modelstate WHERE tenant_id = {tenant}), 0),
    (SELECT max(id) FROM learning_release),
    (SELECT bit_xor(hashtextextended(own.id || coalesce(known.kind, own.kind, ''), 0))
     FROM integrations_actiontype own LEFT JOIN integrations_actiontypetemplate known ON known.id = own.template_id
     WHERE own.tenant_id = {tenant}),
    learning_consent()
"""


class _Cached(NamedTuple):
    state: State
    newest: Newest


# States that this process has read. Which version is the present one is asked each time.
_states: dict[UUID, _Cached] = {}
_lock = Lock()

# As report_decisions() merges them. The user's row is held against its erasure until the commit.
_RECORD = """
    INSERT INTO learning_example AS e
        (tenant_id, decision_id, user_id, action, features, outcome, conversion)
    SELECT u.tenant_id, %(decision_id)s, u.user_id, %(action)s, %(features)s::jsonb,
        %(outcome)s::float8, %(conversion)s::float8
    FROM events_trackeduser u WHERE u.tenant_id = %(tenant_id)s AND u.user_id = %(user_id)s
    FOR KEY SHARE
    ON CONFLICT (tenant_id, decision_id) DO UPDATE SET
        features = excluded.features,
        outcome = coalesce(e.outcome, excluded.outcome),
        conversion = greatest(e.conversion, excluded.conversion)
    WHERE (e.outcome IS NULL AND excluded.outcome IS NOT NULL) OR excluded.conversion > e.conversion
"""

_REPORT = "SELECT report_decisions(%(tenant_id)s, %(reports)s::jsonb)"

_REWARD = REWARD.format(worth="outcome", conversion="conversion")

# What was folded before is not a trial again. A row that is being written waits for the next fold: we wait for none.
_WAITING = f"""
    SELECT decision_id, features, action,
        {_REWARD} - coalesce(folded, 0), CASE WHEN folded IS NULL THEN 1 ELSE 0 END
    FROM learning_example WHERE tenant_id = %(tenant_id)s AND features IS NOT NULL
    ORDER BY recorded_at, decision_id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
"""

# Both or neither: an example is folded at most once, and never lost.
_STORE = f"""
    WITH state AS (
        UPDATE learning_modelstate SET
            version = %(version)s, features = %(features)s, actions = %(actions)s, mean = %(mean)s,
            prior_precision = %(prior_precision)s, information = %(information)s, scales = %(scales)s,
            trials = %(trials)s, rewards = %(rewards)s,
            recent_mean = %(recent_mean)s, recent_information = %(recent_information)s,
            recent_weight = %(recent_weight)s, widths = %(widths)s,
            statistic = %(statistic)s::float8[], pattern_weight = %(pattern_weight)s::float8, updated_at = now()
        WHERE tenant_id = %(tenant_id)s
    )
    UPDATE learning_example SET folded = {_REWARD}, features = NULL
    WHERE tenant_id = %(tenant_id)s AND decision_id = ANY(%(decisions)s)
"""

# The columns are NULL where they are known.
_LOAD = f"""
    SELECT {NEWEST.format(tenant="t.tenant_id")}, {", ".join(f"s.{name}" for name in Columns._fields)}
    FROM (SELECT %(tenant_id)s::uuid AS tenant_id) t
    LEFT JOIN learning_modelstate s ON s.tenant_id = t.tenant_id AND s.version <> %(known)s
"""
