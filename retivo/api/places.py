"""A place among the threads for a request of the API, or the problem that says why there is none."""

from collections.abc import Hashable, Mapping

from retivo.api.errors import Problem
from retivo.threads import FullError, places


def take(parties: Mapping[Hashable, int], detail: str) -> None:
    """Take a place for each of the parties; `parties` has the most threads that each may have.

    Args:
        detail: what a caller is told where one of them has as many already.

    Raises:
        Problem: 429 if one of them has; 503 if no thread is free.
    """
    try:
        is_taken = places.take(parties)
    except FullError as error:
        full = "This process has no thread to give: all of them wait. Try again in a moment."
        raise Problem(503, "overloaded", full, headers={"Retry-After": "1"}) from error
    if not is_taken:
        raise Problem(429, "too_many_concurrent_requests", detail, headers={"Retry-After": "1"})
