"""Permits for requests, counted over all processes and hosts: a process takes a few at a time, for the next moment.

They come from rows of PostgreSQL, of the tenant and of the key (`take_permits`). As long as a process has some of both
it counts in its memory. It takes one at first, and twice as many as the last time where these lasted for less than 50
milliseconds, or eight and more of them for less than half a second: so the number that is left is exact where there are
few requests, and there are some two statements a second where there are many. It never holds more than a hundredth of
what is left, and nothing for longer than `KEPT_SECONDS`. What it does not use it gives back with the next statement;
a limit that was changed is in force after that.

So a limit is never exceeded. Near to it, what idle processes still hold is missing to the others.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from retivo.database.cursor import kept_cursor

KEPT_SECONDS = 10.0
# How many seconds a few of them, and how many, are to last.
_FEW, _FEW_LAST, _MANY_LAST = 8, 0.05, 0.5
_MOST_SHARE = 100  # of what is left
_MOST_HELD = 40_000  # tenants and keys, of some 400 bytes each
_REFUSED_SECONDS = 0.5  # for which nothing is asked where nothing was left

Limit = tuple[int, int]  # requests, seconds


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a window. `reset` is in seconds."""

    name: str
    limit: int
    window: int
    remaining: int
    reset: int


@dataclass
class _Held:
    """What this process has of a tenant's or a key's permits."""

    default: Limit
    limit: Limit
    left: int
    free: int  # in the row, after they were taken
    block: int  # how many were asked for
    taken: float  # when, by this process's monotonic clock
    ends: float  # the window, likewise
    ends_at: datetime

    def is_fresh(self, default: Limit, now: float) -> bool:
        return now < min(self.ends, self.taken + KEPT_SECONDS) and self.default == default

    def is_empty(self, now: float) -> bool:
        return not self.left and not self.free and now < self.taken + _REFUSED_SECONDS

    def quota(self, name: str, now: float) -> Quota:
        requests, seconds = self.limit
        remaining = self.left + self.free
        return Quota(
            name=name, limit=requests, window=seconds, remaining=remaining, reset=max(1, round(self.ends - now + 0.5))
        )


_held: dict[UUID, _Held] = {}
_lock = threading.Lock()

NAMES = ("tenant", "key")


def spend(digest: bytes, *, known: Sequence[UUID] | None, defaults: Sequence[Limit]) -> tuple[bool, list[Quota]] | None:
    """Whether the request is permitted, and the quotas of tenant and key; None if there is no such valid key.

    Args:
        known: the ids of the tenant and the key, as far as this process knows the key.
        defaults: the limits of a tenant of which no other is set, and of a key.
    """
    now = time.monotonic()
    with _lock:
        held = [_held.get(each) for each in known or ()]
        fresh = [each for each, default in zip(held, defaults, strict=False) if each and each.is_fresh(default, now)]
        if len(fresh) == len(NAMES):
            if all(each.left for each in fresh):
                for each in fresh:
                    each.left -= 1
                return True, _quotas(fresh, now)
            if any(each.is_empty(now) for each in fresh):
                return False, _quotas(fresh, now)
        wanted, unused, unused_of = _asked(held, now)
    row = _take(digest, defaults, wanted, unused, unused_of)
    if row is None:
        return None
    key_id, tenant_id, *arrays = row
    with _lock:
        now = time.monotonic()
        taken = [
            _noted(holder, default, asked, _Row(*columns), now)
            for holder, default, asked, *columns in zip((tenant_id, key_id), defaults, wanted, *arrays, strict=True)
        ]
        while len(_held) > _MOST_HELD:
            del _held[next(iter(_held))]
        is_permitted = all(each.left for each in taken)
        for each in taken if is_permitted else ():
            each.left -= 1
        return is_permitted, _quotas(taken, now)


def _quotas(held: Sequence[_Held], now: float) -> list[Quota]:
    return [each.quota(name, now) for name, each in zip(NAMES, held, strict=True)]


def _asked(held: Sequence[_Held | None], now: float) -> tuple[list[int], list[int], list[datetime | None]]:
    """How many to take of each, and how many of which window are given back; those are no longer here."""
    wanted, unused, unused_of = [], [], []
    for each in held or (None, None):
        wanted.append(1 if each is None else _block(each, now))
        unused.append(0 if each is None else each.left)
        unused_of.append(None if each is None else each.ends_at)
        if each is not None:
            each.left = 0
    return wanted, unused, unused_of


def _block(held: _Held, now: float) -> int:
    lasted = now - held.taken
    aim = _FEW_LAST if held.block < _FEW else _MANY_LAST
    size = held.block * 2 if lasted < aim else int(held.block * aim / lasted)
    return max(1, min(size, (held.left + held.free) // _MOST_SHARE))


class _Row(NamedTuple):
    """What the database said of a tenant or a key."""

    requests: int
    seconds: int
    granted: int
    free: int
    ends_in: float
    ends_at: datetime


def _noted(holder: UUID, default: Limit, asked: int, row: _Row, now: float) -> _Held:
    before = _held.pop(holder, None)
    # Another thread may have taken some of the same window meanwhile.
    others = before.left if before is not None and before.ends_at == row.ends_at else 0
    _held[holder] = found = _Held(
        default=default,
        limit=(row.requests, row.seconds),
        left=row.granted + others,
        free=row.free,
        block=asked,
        taken=now,
        ends=now + row.ends_in,
        ends_at=row.ends_at,
    )
    return found


def _take(
    digest: bytes, defaults: Sequence[Limit], wanted: list[int], unused: list[int], unused_of: list[datetime | None]
) -> tuple[Any, ...] | None:
    limits, seconds = zip(*defaults, strict=True)
    cursor = kept_cursor()
    cursor.execute(_TAKE, [digest, list(limits), list(seconds), wanted, unused, unused_of])
    row: tuple[Any, ...] | None = cursor.fetchone()
    return row


_TAKE = "SELECT * FROM take_permits(%s, %s::int[], %s::int[], %s::int[], %s::int[], %s::timestamptz[])"
