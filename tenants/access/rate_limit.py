"""Requests a key may make: a fixed window, counted in Django's cache, announced in every answer (IETF draft-11)."""

import time
from functools import lru_cache

import msgspec
import structlog
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from retivo.api.errors import Problem

log = structlog.get_logger("retivo.request")


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of the window. `reset` is in seconds."""

    limit: int
    window: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Policy": f'"default";q={self.limit};w={self.window}',
            "RateLimit": f'"default";r={self.remaining};t={self.reset}',
        }


def spend(request: HttpRequest, key: str, rate: str | None = None, *, of: str = "with one key") -> Quota:
    """Count the request as one of `key`, once, whoever handles it and however often.

    Args:
        rate: how many are allowed, as `<count>/<seconds>`; `settings.RATE_LIMIT` where None.
        of: what they have in common, as a refusal says it.

    Raises:
        Problem: 429 with `Retry-After` once the window's count is used up.
    """
    quota: Quota | None = getattr(request, "quota", None)
    if quota is None:
        quota = request.quota = _counted(key, rate or settings.RATE_LIMIT, of)  # type: ignore[attr-defined]
    return quota


def _counted(key: str, rate: str, of: str) -> Quota:
    limit, window = _parsed(rate)
    now = int(time.time())
    reset = window - now % window
    used = _count(f"rate:{key}:{now // window}", window)
    quota = Quota(limit=limit, window=window, remaining=max(0, limit - used), reset=reset)
    if used > limit:
        raise Problem(
            429,
            "rate_limited",
            f"At most {limit} requests in {window} seconds {of}.",
            headers={"Retry-After": str(reset), **quota.headers},
        )
    return quota


@lru_cache(8)
def _parsed(rate: str) -> tuple[int, int]:
    limit, window = map(int, rate.split("/"))
    return limit, window


def _count(counter: str, window: int) -> int:
    """This request's number in the window; 0 where the cache does not answer: better no limit than no service."""
    try:
        try:
            return cache.incr(counter)
        except ValueError:  # the window's first, or one of those that came with it
            cache.add(counter, 0, timeout=2 * window)
            return cache.incr(counter)
    except Exception as error:  # each cache has errors of its own
        log.error("rate_limit_unavailable", exc_info=error)
        return 0
