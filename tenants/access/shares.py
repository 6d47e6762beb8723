"""A tenant's share of the threads: whose request it is, as far as that is known before the database is asked.

A partner and its customers are a family, which has a share, too: whoever has many tenants has no more for that.

The tenant of a key is known from the key's last successful authentication in this process. The knowledge serves to
count, and for nothing else: each request authenticates anew. A key that is not known yet counts as itself and as one of
the unknown, who have a share together: a look-up that waits may be of a key that nobody ever issued.
"""

import threading
from collections.abc import Hashable, Mapping
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from retivo.api import places


class Known(NamedTuple):
    """What a key's last successful authentication told."""

    key_id: UUID
    tenant_id: UUID
    partner_id: UUID | None  # of a customer

    @property
    def parties(self) -> dict[Hashable, int]:
        """Whom its requests count for, and how many threads each may have."""
        family = ("family", self.partner_id or self.tenant_id)
        return {self.tenant_id: settings.TENANT_THREADS, family: settings.PARTNER_THREADS}


_UNKNOWN = "unknown keys"
_MOST_KNOWN = 20_000  # keys, of some 300 bytes each

_known: dict[bytes, Known] = {}
_lock = threading.Lock()


def enter(digest: bytes) -> Known | None:
    """Take a place for the request of a key, before any work in the database. What is known of the key, if anything is.

    Raises:
        Problem: 429 if the key's tenant, its family, or the unknown keys have their share already; 503 if no thread is
            free.
    """
    known = _known.get(digest)
    if known is not None:
        _take(known.parties)
    else:
        _take({digest: settings.TENANT_THREADS, _UNKNOWN: settings.UNKNOWN_KEYS_THREADS})
    return known


def learn(digest: bytes, known: Known) -> None:
    """The key is the tenant's: count it, and the request that it came with, as the tenant's from now on.

    Raises:
        Problem: 429 if the tenant or its family has its share already.
    """
    with _lock:
        _known[digest] = known
        if len(_known) > _MOST_KNOWN:
            del _known[next(iter(_known))]
    _take(known.parties)


def forget(digest: bytes) -> None:
    """The key is not valid any more."""
    _known.pop(digest, None)


def _take(parties: Mapping[Hashable, int]) -> None:
    places.take(parties, "Too many of your requests are being answered at once. Try again when one of them has ended.")
