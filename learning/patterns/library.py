"""Released patterns, read: for a tenant's decisions, for a partner's list, for a customer that is about to start.

Row-level security shows a context the patterns of its own partner and those over all partners.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import numpy as np
from django.db import connection

from events.models import LifecycleStage
from learning.model.features import BIAS
from learning.model.prior import SHARED, Pattern
from learning.model.state import NOTHING
from learning.models import Pattern as PatternRow

KEPT_DAYS = 400  # a year and a month: what a tenant spent in a year is in the noise together

# Contributing tenants are told in bands, by where each begins.
_BANDS = (0, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
_CONFIDENCE = 1.96


class Segment(msgspec.Struct):
    """How often an action succeeded with users of one stage who are average in all else, and the noise's 95 %."""

    segment: str
    rate: float
    interval: tuple[float, float]


class Shown(msgspec.Struct):
    """A pattern as its partner sees it."""

    integration_id: UUID
    action_type: str
    kind: str | None
    made_over: str
    segments: list[Segment]
    contributors: str
    epsilon: float
    delta: float
    released_at: datetime


class WarmStart(msgspec.Struct):
    """How many of a customer's action types start from a pattern."""

    warm: bool
    action_types: int
    with_pattern: int


class _Known(NamedTuple):
    pattern: Pattern
    epsilon: float
    delta: float
    released_at: datetime


_Library = Mapping[tuple[bool, str | None], _Known]  # by whether it is over all partners, and block


def of_tenant(*, tenant_id: UUID) -> dict[str, Pattern]:
    """The patterns for a tenant's blocks, by action type: its partner's own before those over all partners.

    Runs in the tenant's context. Empty where it, or its partner, wants none.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT learning_consent()")
        (consent,) = cursor.fetchone()
        if consent in {"off", None}:
            return {}
        cursor.execute(_ACTION_TYPES, {"tenant_id": tenant_id})
        action_types = cursor.fetchall()
    known = _read()
    found = {block: _either(known, block, block) for block in (SHARED, NOTHING)}
    found |= {id: _either(known, template, kind) for id, template, kind in action_types}
    return {block: one.pattern for block, one in found.items() if one}


def warm_start(*, partner_id: UUID, customer_id: UUID, integration_id: UUID | None = None) -> WarmStart:
    """What a customer of the partner would start with, in all of its integrations or one. In the partner's context."""
    with connection.cursor() as cursor:
        cursor.execute(
            _OF_CUSTOMER,
            {
                "partner_id": partner_id,
                "customer_id": customer_id,
                "integration_id": integration_id,
                "days": KEPT_DAYS,
            },
        )
        action_types = cursor.fetchall()
    warm = sum(uses and (template in blocks or kind in blocks) for template, kind, uses, blocks in action_types)
    return WarmStart(warm > 0, len(action_types), warm)


def of_partner(*, partner_id: UUID) -> list[Shown]:
    """The newest pattern of each action type of the partner's integrations, in the order of registration."""
    with connection.cursor() as cursor:
        cursor.execute(_TEMPLATES, {"partner_id": partner_id})
        templates = cursor.fetchall()
    known = _read()
    shown = []
    for integration_id, template, name, kind in templates:
        for over_all, made_over, block in ((False, "own_customers", template), (True, "all_partners", kind)):
            own, shared = known.get((over_all, block)), known.get((over_all, SHARED))
            if own and shared:
                shown.append(
                    Shown(
                        integration_id=integration_id,
                        action_type=name,
                        kind=kind,
                        made_over=made_over,
                        segments=segments(shared.pattern, own.pattern),
                        contributors=band(own.pattern.count),
                        epsilon=own.epsilon,
                        delta=own.delta,
                        released_at=own.released_at,
                    )
                )
                break
    return shown


def segments(shared: Pattern, own: Pattern) -> list[Segment]:
    """The rate by stage: σ of the constant's and the stage's weights, of both blocks; the noise of all four adds up."""
    weights = dict(zip(own.features, shared.mean + own.mean, strict=True))
    off = _CONFIDENCE * math.sqrt(2 * (shared.error**2 + own.error**2))
    found = []
    for stage in LifecycleStage.values:
        logit = weights[BIAS] + weights[f"lifecycle_stage={stage}"]
        found.append(Segment(stage, _rate(logit), (_rate(logit - off), _rate(logit + off))))
    return found


def as_pattern(row: PatternRow) -> Pattern:
    """What a stored pattern says."""
    return Pattern(tuple(row.features), row.count, np.array(row.mean), row.error, row.square)


def band(count: float) -> str:
    """`50–99`; so many tenants, as far as the noise lets it be said."""
    for low, high in pairwise(_BANDS):
        if count < high:
            return f"{low}–{high - 1}" if low else f"under {high}"
    return f"{_BANDS[-1]} or more"


def combined(patterns: Sequence[Pattern]) -> Pattern:
    """Of one block and several releases, the newest first: each weighs by what its noise leaves of it.

    Mostly the same tenants are in all of them, so their number is not added up.
    """
    features = patterns[0].features
    alike = [each for each in patterns if each.features == features]
    weights = np.array([each.error**-2.0 for each in alike])
    shares = weights / weights.sum()
    return Pattern(
        features=features,
        count=float(shares @ [each.count for each in alike]),
        mean=shares @ np.array([each.mean for each in alike]),
        error=float(weights.sum() ** -0.5),
        square=float(shares @ [each.square for each in alike]),
    )


def _read() -> _Library:
    with connection.cursor() as cursor:
        cursor.execute(_PATTERNS, {"days": KEPT_DAYS})
        rows = cursor.fetchall()
    by_block: dict[tuple[bool, str | None], list[Any]] = defaultdict(list)
    for over_all, block, *rest in rows:
        by_block[over_all, block].append(rest)
    return {
        key: _Known(
            combined(
                [
                    Pattern(tuple(features), count, np.array(mean), error, square)
                    for features, count, mean, error, square, *_ in found
                ]
            ),
            *found[0][5:],
        )
        for key, found in by_block.items()
    }


def _either(known: _Library, template: str | None, kind: str | None) -> _Known | None:
    return known.get((False, template)) or known.get((True, kind))


def _rate(logit: float) -> float:
    return round(1 / (1 + math.exp(-logit)), 4)


_ACTION_TYPES = """
    SELECT a.id, a.template_id::text, coalesce(t.kind, a.kind)
    FROM integrations_actiontype a LEFT JOIN integrations_actiontypetemplate t ON t.id = a.template_id
    WHERE a.tenant_id = %(tenant_id)s
"""

_OF_CUSTOMER = """
    SELECT a.template_id::text, k.kind, stricter_consent(t.config, p.config) <> 'off', ARRAY(
        SELECT p.block FROM learning_pattern p JOIN learning_release r ON r.id = p.release_id
        WHERE r.released_at > now() - make_interval(days => %(days)s)
    )
    FROM integrations_actiontype a
    JOIN integrations_actiontypetemplate k ON k.id = a.template_id
    JOIN tenants_tenant t ON t.id = a.tenant_id JOIN tenants_tenant p ON p.id = t.parent_id
    WHERE a.tenant_id = %(customer_id)s AND a.partner_id = %(partner_id)s AND a.revision IS NOT NULL
        AND (%(integration_id)s::uuid IS NULL OR a.integration_id = %(integration_id)s)
"""

_TEMPLATES = """
    SELECT i.id, t.id::text, t.name, t.kind
    FROM integrations_actiontypetemplate t JOIN integrations_partnerintegration i ON i.id = t.integration_id
    WHERE t.tenant_id = %(partner_id)s ORDER BY i.created_at, i.id, t.position
"""

_PATTERNS = """
    SELECT p.partner_id IS NULL, p.block, p.features, p.count, p.mean, p.error, p.square,
        r.epsilon, r.delta, r.released_at
    FROM learning_pattern p JOIN learning_release r ON r.id = p.release_id
    WHERE r.released_at > now() - make_interval(days => %(days)s)
    ORDER BY r.released_at DESC, r.id DESC
"""
