"""Requests that may be made in a fixed window, announced in every answer (draft-ietf-httpapi-ratelimit-headers-10).

A tenant has a limit over all its keys, and each key has one: both are counted over all processes by
`tenants.access.permits`. What comes without a key is counted in Django's cache, by its address or by what it names.
"""

import time
from collections.abc import Sequence
from functools import lru_cache

import structlog
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from retivo.api.errors import Problem
from tenants.access import permits
from tenants.access.permits import Limit, Quota
from tenants.access.shares import Known

log = structlog.get_logger("retivo.request")

_OF = {
    "tenant": "by one tenant",
    "key": "with one key",
    "address": "from one address",
    "outcomes": "for one tenant's actions from one address",
    "action": "for one action",
}


class Exceeded(Problem):
    """429: nothing is left of one of the quotas."""

    def __init__(self, quota: Quota, quotas: Sequence[Quota]) -> None:
        super().__init__(
            429,
            "rate_limited",
            f"At most {quota.limit} requests in {quota.window} seconds {_OF[quota.name]}.",
            headers={"Retry-After": str(quota.reset), **headers(quotas)},
        )


def headers(quotas: Sequence[Quota]) -> dict[str, str]:
    """How the quotas are announced; none where there are none."""
    if not quotas:
        return {}
    return {
        "RateLimit-Policy": ", ".join(f'"{each.name}";q={each.limit};w={each.window}' for each in quotas),
        "RateLimit": ", ".join(f'"{each.name}";r={each.remaining};t={each.reset}' for each in quotas),
    }


def spend(request: HttpRequest, digest: bytes, known: Known | None) -> Sequence[Quota]:
    """Count the request as one of its key and of the key's tenant, once, however often it is handled.

    Takes a statement of its own now and then, and so belongs before the request's transaction.

    Args:
        known: whose key it is, if this process knows; that is asked otherwise.

    Returns:
        What is left; nothing of a key that is not valid, which is for authentication to say.

    Raises:
        Exceeded: nothing is left.
    """
    quotas: Sequence[Quota] | None = getattr(request, "quotas", None)
    if quotas is not None:
        return quotas
    found = permits.spend(
        digest,
        known=known and (known.tenant_id, known.key_id),
        defaults=(parsed(settings.TENANT_RATE_LIMIT or settings.RATE_LIMIT), parsed(settings.RATE_LIMIT)),
    )
    is_permitted, quotas = found or (True, ())
    if not is_permitted:
        # Of two that are used up, the one that lasts.
        raise Exceeded(max((each for each in quotas if not each.remaining), key=lambda each: each.reset), quotas)
    request.quotas = quotas  # type: ignore[attr-defined]
    return quotas


def spend_without_key(counted: str, limit: Limit, *, name: str = "address") -> Sequence[Quota]:
    """Count a request that has no key.

    Args:
        counted: what it is counted by.
        name: the quota's, as it is announced.

    Raises:
        Exceeded: nothing is left.
    """
    requests, window = limit
    now = int(time.time())
    used = _count(f"rate:{counted}:{now // window}", window)
    quota = Quota(
        name=name,
        limit=requests,
        window=window,
        remaining=max(0, requests - used),
        reset=window - now % window,
    )
    if used > requests:
        raise Exceeded(quota, [quota])
    return [quota]


@lru_cache(8)
def parsed(rate: str) -> Limit:
    requests, window = map(int, rate.split("/"))
    return requests, window


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
