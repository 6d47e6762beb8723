"""The release of patterns, as the role that releases. The only caller of the function `contribute`.

A release has two transactions. The first one charges the contributors, and the database adds up what they know and adds
the noise. The second one reads the noisy sums, which it can only because the first one has committed, and makes
patterns of them. If it fails, the next call finishes the release.

Everyone who agrees, knows enough and has the budget is in a release, however many they are. When there is one, and for
what it asks, depends on no tenant; what is published of it, on the noisy sums alone.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from learning.model.prior import SHARED, Pattern
from learning.model.state import NOTHING
from learning.models import NoisySum, Release
from learning.models import Pattern as PatternRow
from learning.patterns import privacy
from learning.patterns import statistic as patterns
from retivo.api.errors import BEING_DELETED
from tenants.context import release_context

LEAST_TENANTS = 50  # divided by ε: fewer, as far as the noise lets it be seen, are not told of
PARTS = 4  # of a year's budget, one a release
EVERY_DAYS = 92  # five of them never fall into 365 days

_WIDTH = 2 + len(patterns.FEATURES)
_OF_ALL = (SHARED, NOTHING)  # blocks that every partner has


class BudgetError(ValueError):
    """More is to be spent at once than a tenant has for a year, or less than any release costs."""


@dataclass(frozen=True)
class Plan:
    """What a release costs each contributor and asks of all; nothing of it depends on what tenants did."""

    epsilon: float
    rho: float
    partners: Mapping[UUID, Mapping[str, str | None]]  # their templates, with the kind of each

    @property
    def deviation(self) -> float:
        """Of the noise on each sum."""
        return privacy.deviation(self.rho)

    @property
    def least_tenants(self) -> float:
        """In the noisy count: below it nothing of a partner is published."""
        return LEAST_TENANTS / self.epsilon

    @property
    def sums(self) -> int:
        """How many there are, each with noise of its own."""
        return sum(_WIDTH * (len(_OF_ALL) + len(kinds)) for kinds in self.partners.values())


@dataclass(frozen=True)
class Outcome:
    """What came of a release. Nothing in it is not covered by noise."""

    release_id: int
    patterns: int
    over_all: int  # patterns over all partners
    epsilon: float


def plan(*, epsilon: float | None = None) -> Plan:
    """What `release_patterns` would do. It looks at no tenant's outcomes: to try it out costs nobody anything.

    Args:
        epsilon: what each contributor spends; a quarter of the year's budget (in ρ) where None.

    Raises:
        BudgetError: `epsilon` is above `PATTERNS_EPSILON`, or too small for a release.
    """
    total = settings.PATTERNS_EPSILON
    rho = privacy.rho_of(total) / PARTS
    if epsilon is not None:
        if not 0 < epsilon <= total:
            raise BudgetError(f"A release spends more than 0 and at most {total:g}, the budget of a year.")
        rho = privacy.rho_of(epsilon)
    if rho < privacy.LEAST_RHO:
        least = privacy.epsilon_of(privacy.LEAST_RHO)
        raise BudgetError(f"A release spends at least {least:.3f}.")
    with release_context():
        return Plan(privacy.epsilon_of(rho), rho, _partners())


def release_patterns(*, epsilon: float | None = None) -> Outcome:
    """Release now. See `plan`."""
    planned = plan(epsilon=epsilon)
    finish()
    with release_context():
        _take_turns()
        release = _charge(planned)
    return _publish(release)


def release_if_due() -> Outcome | None:
    """Release where the last one is 92 days ago, whatever came of it; None on all other nights."""
    planned = plan()
    finish()
    with release_context():
        _take_turns()
        with connection.cursor() as cursor:
            cursor.execute(_IS_DUE, {"days": EVERY_DAYS})
            (is_due,) = cursor.fetchone()
        release = _charge(planned) if is_due else None
    return _publish(release) if release else None


def finish() -> list[Outcome]:
    """Make the patterns of releases that have charged their contributors and were then interrupted."""
    with release_context():
        waiting = list(Release.objects.filter(id__in=NoisySum.objects.values("release")).order_by("id"))
    return [_publish(release) for release in waiting]


def _take_turns() -> None:
    with connection.cursor() as cursor:
        # Two at once would both be due. The function `contribute` takes the same lock.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('learning.release'))")


def _charge(planned: Plan) -> Release:
    release = Release.objects.create(
        epsilon=planned.epsilon,
        delta=privacy.DELTA,
        rho=planned.rho,
        deviation=planned.deviation,
        budget=privacy.rho_of(settings.PATTERNS_EPSILON),
    )
    with connection.cursor() as cursor:
        for partner_id in planned.partners:
            cursor.execute("SELECT contribute(%s, %s, %s)", [release.id, partner_id, _WIDTH])
    return release


def _publish(release: Release) -> Outcome:
    """The patterns of a release whose contributors are charged, in the place of its noisy sums; partners are told."""
    with release_context():
        partners, sums = _partners(), _take_sums(release)
        published: list[tuple[UUID | None, dict[str, Pattern]]] = []
        everyone: dict[str, list[Sequence[int]]] = defaultdict(list)
        for partner_id, kinds in partners.items():
            noisy = sums[partner_id]
            found = _surely({block: [row] for block, row in noisy.items()}, release.deviation)
            if SHARED in found:  # where all is noise it would only blur what is over all
                for block, row in noisy.items():
                    if kind := block if block in _OF_ALL else kinds.get(block):
                        everyone[kind].append(row)
            published.append((partner_id, found))
        # The noise of each is in the sum. That costs nobody anything more: it is made of noisy sums.
        published.append((None, _surely(everyone, release.deviation)))
        rows = [
            row
            for partner_id, found in published
            if SHARED in found and found[SHARED].count >= LEAST_TENANTS / release.epsilon
            for row in _stored([_row(release, partner_id, block, pattern) for block, pattern in found.items()])
        ]
        _announce(release, [*sums])
    return Outcome(release.id, len(rows), sum(row.partner_id is None for row in rows), release.epsilon)


def _stored(rows: list[PatternRow]) -> list[PatternRow]:
    """A partner's patterns, stored; none of a partner whose deletion has begun, which the database refuses."""
    try:
        with transaction.atomic():
            return PatternRow.objects.bulk_create(rows)
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", None) != BEING_DELETED:
            raise
        return []


def _announce(release: Release, partners: list[UUID]) -> None:
    """Tell the partners that the release asked, which depends on no contributor."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT announce_release(%s, %s)", [release.id, partners])


def _surely(noisy: Mapping[str, Sequence[Sequence[int]]], deviation: float) -> dict[str, Pattern]:
    """The patterns of these blocks, each of one or several noisy sums, that are surely above the noise."""
    found = {
        block: patterns.pattern([sum(each) for each in zip(*rows, strict=True)], deviation * math.sqrt(len(rows)))
        for block, rows in noisy.items()
    }
    return {block: pattern for block, pattern in found.items() if pattern}


def _row(release: Release, partner_id: UUID | None, block: str, found: Pattern) -> PatternRow:
    return PatternRow(
        release=release,
        partner_id=partner_id,
        block=block,
        features=list(found.features),
        mean=found.mean.tolist(),
        error=found.error,
        count=found.count,
        square=found.square,
    )


def _partners() -> dict[UUID, dict[str, str | None]]:
    """Every partner's templates, with the kind of each."""
    with connection.cursor() as cursor:
        cursor.execute(_TEMPLATES)
        rows: Sequence[tuple[UUID, str, str | None]] = cursor.fetchall()
    found: dict[UUID, dict[str, str | None]] = {}
    for partner_id, template, kind in rows:
        found.setdefault(partner_id, {})[template] = kind
    return found


def _take_sums(release: Release) -> dict[UUID, dict[str, Sequence[int]]]:
    """The noisy sums of each partner's blocks, which are deleted."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, {"release_id": release.id})
        rows: Sequence[tuple[UUID, str, Sequence[int]]] = cursor.fetchall()
    found: dict[UUID, dict[str, Sequence[int]]] = defaultdict(dict)
    for partner_id, block, totals in rows:
        found[partner_id][block] = totals
    return found


_TEMPLATES = """
    SELECT t.tenant_id, t.id::text, t.kind
    FROM integrations_actiontypetemplate t JOIN integrations_partnerintegration i ON i.id = t.integration_id
    ORDER BY t.tenant_id, i.created_at, i.id, t.position
"""

_SUMS = """
    DELETE FROM learning_noisysum WHERE release_id = %(release_id)s RETURNING partner_id, block, totals
"""

_IS_DUE = """
    SELECT NOT EXISTS (
        SELECT FROM learning_release WHERE released_at > now() - make_interval(days => %(days)s) + interval '12 hours'
    )
"""
