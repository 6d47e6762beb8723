"""The release of patterns: one transaction, as staff. The only caller of the database's function `contribute`.

A night's release is over the customers that agree, know enough and have the budget left: with the whole of a year's
budget spent at once, a tenant is in one release a year, and a later night's is over those that came since.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import connection, transaction

from learning import patterns, privacy, taxonomy
from learning.models import Pattern as PatternRow
from learning.models import Release
from learning.prior import SHARED, Pattern
from learning.state import NOTHING
from tenants.context import staff_context

LEAST_TENANTS = 50  # divided by ε

_WIDTH = 2 + len(patterns.FEATURES)


class BudgetError(ValueError):
    """More is to be spent at once than a tenant has for a year."""


@dataclass(frozen=True)
class Outcome:
    """What came of a release. Nothing in it is not covered by noise, but which partners had enough customers."""

    release_id: int | None  # None where nothing was released, or for a dry run
    partners: int
    patterns: int
    over_all: int  # patterns over all partners
    epsilon: float


def release_patterns(*, epsilon: float | None = None, dry_run: bool = False) -> Outcome:
    """Release what there is to be released; nothing stays of a dry run, the spending included.

    Args:
        epsilon: what each contributor spends; all of `PATTERNS_EPSILON` where None.

    Raises:
        BudgetError: `epsilon` is above `PATTERNS_EPSILON`.
    """
    total = settings.PATTERNS_EPSILON
    spent = total if epsilon is None else epsilon
    if not 0 < spent <= total:
        raise BudgetError(f"A release spends more than 0 and at most {total:g}, the budget of a year.")
    with staff_context():
        with connection.cursor() as cursor:
            # Two at once would see the same budget.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('learning.release'))")
        outcome = _release(spent, total)
        if dry_run or not outcome.partners:
            transaction.set_rollback(True)
            return Outcome(None, outcome.partners, outcome.patterns, outcome.over_all, spent)
    return outcome


def _release(epsilon: float, total: float) -> Outcome:
    rho = privacy.rho_of(epsilon)
    deviation = privacy.deviation(rho)
    release = Release.objects.create(epsilon=epsilon, delta=privacy.DELTA, rho=rho, deviation=deviation)
    asked = {
        "release_id": release.id,
        "epsilon": epsilon,
        "rho": rho,
        "budget": privacy.rho_of(total),
        "minimum": math.ceil(LEAST_TENANTS / epsilon),
    }
    add_noise = privacy.mechanism()
    rows: list[PatternRow] = []
    everyone: dict[str, list[np.ndarray[Any, Any]]] = {}
    partners = 0
    for partner_id, kinds in _partners().items():
        sums = _sums(partner_id, asked)
        if not sums:
            continue
        partners += 1
        # Every block of the partner's, tried by anyone or not: which of them have a sum is a tenant's data too.
        blocks = [SHARED, NOTHING, *kinds]
        flat = [sums.get((block, place), 0) for block in blocks for place in range(_WIDTH)]
        noisy = np.array(add_noise(flat, deviation * privacy.FIXED_POINT)).reshape(len(blocks), _WIDTH)
        for block, row in zip(blocks, noisy, strict=True):
            rows += _row(release, partner_id, block, patterns.pattern(row.tolist(), deviation))
            if kind := kinds.get(block, block):
                everyone.setdefault(kind, []).append(row)
    over_all = len(rows)
    for kind, noisy_rows in everyone.items():
        # The noise of each is in the sum. That costs nobody anything more: it is made of what is released already.
        summed = np.sum(noisy_rows, axis=0).tolist()
        rows += _row(release, None, kind, patterns.pattern(summed, deviation * math.sqrt(len(noisy_rows))))
    PatternRow.objects.bulk_create(rows)
    return Outcome(release.id, partners, len(rows), len(rows) - over_all, epsilon)


def _row(release: Release, partner_id: UUID | None, block: str, found: Pattern | None) -> list[PatternRow]:
    if found is None:
        return []
    return [
        PatternRow(
            release=release,
            partner_id=partner_id,
            block=block,
            features=list(found.features),
            mean=found.mean.tolist(),
            error=found.error,
            count=found.count,
            square=found.square,
        )
    ]


def _partners() -> dict[UUID, dict[str, str | None]]:
    """Every partner's templates, with the taxonomy's entry of each."""
    with connection.cursor() as cursor:
        cursor.execute(_TEMPLATES)
        rows: Sequence[tuple[UUID, str, str, str]] = cursor.fetchall()
    found: dict[UUID, dict[str, str | None]] = {}
    for partner_id, template, domain, name in rows:
        found.setdefault(partner_id, {})[template] = taxonomy.entry(domain=domain, name=name)
    return found


def _sums(partner_id: UUID, asked: Mapping[str, Any]) -> dict[tuple[str, int], int]:
    with connection.cursor() as cursor:
        cursor.execute(_CONTRIBUTE, {"partner_id": partner_id, **asked})
        return {(block, place): total for block, place, total in cursor.fetchall()}


_TEMPLATES = """
    SELECT t.tenant_id, t.id::text, i.domain, t.name
    FROM integrations_actiontypetemplate t JOIN integrations_partnerintegration i ON i.id = t.integration_id
    ORDER BY t.tenant_id, i.created_at, i.id, t.position
"""

_CONTRIBUTE = """
    SELECT block, place, total FROM contribute(
        %(release_id)s::bigint, %(partner_id)s::uuid, %(epsilon)s::float8, %(rho)s::float8, %(budget)s::float8,
        %(minimum)s::int
    )
"""
