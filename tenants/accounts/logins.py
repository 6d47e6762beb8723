"""Logins of staff: how many may fail, and what each of them leaves in the log and in the audit trail.

django-axes asks before a password is hashed whether one more guess is allowed, and counts those that were wrong. This
module says how many are allowed, by user and by address. Guesses of the old password, where staff change their own,
count likewise: a stolen session must not be a way to guess without end.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from axes.backends import AxesStandaloneBackend
from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Max, Q, Sum
from django.http import HttpRequest, HttpResponse

from retivo.staff import error_pages
from tenants import outbox

log = structlog.get_logger("retivo.staff.logins")


@dataclass(frozen=True, kw_only=True)
class Bound:
    """So many guesses of one user, of one address, or of both may fail before no more are taken.

    Failures count until there was none for the time `within`. Guesses that are not taken do not count, so this time is
    also the longest that one has to wait.
    """

    by: tuple[str, ...]
    failures: int
    within: timedelta


BOUNDS = (
    Bound(by=("username", "ip_address"), failures=5, within=timedelta(minutes=15)),
    Bound(by=("ip_address",), failures=20, within=timedelta(minutes=15)),
    # Many addresses that guess one user's password. It does not hold where the user has logged in before, or they could
    # keep the user out.
    Bound(by=("username",), failures=50, within=timedelta(minutes=5)),
)

# settings.AXES_COOLOFF_TIME: older failures are deleted.
LONGEST = max(bound.within for bound in BOUNDS)

# For how long an address counts as one where the user has logged in before; AccessLog has its rows.
KNOWN_DAYS = 30

# The trail is kept for good, and anyone may fail to log in. With more failures in LONGEST than this, no entry is added;
# the log has a line for each.
MOST_ENTRIES = 200


class Backend(AxesStandaloneBackend):  # type: ignore[misc]  # axes carries no types
    """Refuses a guess before Django's own backend hashes it."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        # Without a request nobody guesses from afar: it is a shell, or Django's test client.
        if request is not None:
            super().authenticate(request, **credentials)


class Handler(AxesDatabaseHandler):  # type: ignore[misc]  # axes carries no types
    """axes' own, with several bounds in place of its one, and with an entry for what happens."""

    def get_failures(self, request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> int:
        """How many bounds are reached. axes refuses from settings.AXES_FAILURE_LIMIT on, which is 1."""
        reached = _reached(request, get_client_username(request, credentials))
        request.retry_after = max(reached.values(), default=0)  # type: ignore[attr-defined]  # for `locked_out`
        return len(reached)

    def clean_expired_user_attempts(self, request: HttpRequest | None = None, credentials: Any = None) -> int:
        return forget_failures()

    def user_login_failed(
        self, sender: Any, credentials: Mapping[str, Any], request: Any = None, **options: Any
    ) -> None:
        if request is None:
            return
        was_refused = request.axes_locked_out
        super().user_login_failed(sender, credentials, request, **options)
        told: dict[str, Any] = {"username": str(get_client_username(request, credentials) or "")[:150]}
        if was_refused:
            log.warning("staff_login_refused", **told)
            return
        is_kept = _failures_of_all(request) <= MOST_ENTRIES
        for happened in ("failed", "locked_out") if request.axes_locked_out else ("failed",):
            log.warning(f"staff_login_{happened}", **told)
            if is_kept:
                outbox.record(actor="anonymous", action=f"staff_login.{happened}", tenant_id=None, **told)

    def user_logged_in(self, sender: Any, request: HttpRequest, user: User, **options: Any) -> None:
        super().user_logged_in(sender, request, user, **options)
        by = {"by": "sign-on"} if getattr(user, "backend", "") == settings.SIGN_ON_BACKEND else {}
        record("logged_in", user, **by)

    def user_logged_out(self, sender: Any, request: HttpRequest, user: User | None, **options: Any) -> None:
        super().user_logged_out(sender, request, user, **options)
        if user is not None:
            record("logged_out", user)

    def reset_attempts(self, **whose: Any) -> int:
        """For axes' commands alone: its staff pages are switched off."""
        count: int = super().reset_attempts(**whose)
        outbox.record(actor="command:axes_reset", action="staff_login.reset", tenant_id=None, count=count, **whose)
        return count


def forget_failures() -> int:
    """Delete failures that count no more; how many rows went. Those that another transaction holds are for the next."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, {"longest": str(LONGEST)})
        count: int = cursor.rowcount
    return count


_FORGET = """
    DELETE FROM axes_accessattempt WHERE id IN (
        SELECT id FROM axes_accessattempt WHERE attempt_time <= now() - %(longest)s::interval
        LIMIT 1000 FOR UPDATE SKIP LOCKED
    )
"""


def username_of(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str | None:
    """Whose failures count together: who wants to log in, as far as axes can store the name; users' are shorter."""
    name = (credentials or request.POST).get("username")
    return name if name is None else str(name)[:255]


def locked_out(request: HttpRequest, _response: HttpResponse | None, _credentials: Any) -> HttpResponse:
    seconds: int = request.retry_after  # type: ignore[attr-defined]  # set by the handler that locked it out
    minutes = math.ceil(seconds / 60)
    return error_pages.too_many(
        request,
        f"Too many wrong passwords. Try again in {minutes} minute{'s' if minutes > 1 else ''}.",
        retry_after=seconds,
    )


def _reached(request: HttpRequest, username: str | None) -> dict[Bound, int]:
    """The bounds that are reached, each with the seconds until it is not."""
    now = request.axes_attempt_time  # type: ignore[attr-defined]  # this and the address are set by axes
    known = {"username": username, "ip_address": request.axes_ip_address}  # type: ignore[attr-defined]
    # Who failed to sign on at a provider has no name here: all of them together are not one user.
    bounds = [bound for bound in BOUNDS if username or "username" not in bound.by]
    asked: dict[str, Any] = {}
    for number, bound in enumerate(bounds):
        counted = Q(attempt_time__gt=now - bound.within, **{name: known[name] for name in bound.by})
        asked[f"failures_{number}"] = Sum("failures_since_start", filter=counted, default=0)
        asked[f"newest_{number}"] = Max("attempt_time", filter=counted)
    found = AccessAttempt.objects.filter(Q(username=username) | Q(ip_address=known["ip_address"])).aggregate(**asked)
    reached = {
        bound: math.ceil((found[f"newest_{number}"] + bound.within - now).total_seconds())
        for number, bound in enumerate(bounds)
        if found[f"failures_{number}"] >= bound.failures
    }
    by_user = next(bound for bound in BOUNDS if bound.by == ("username",))
    if by_user in reached and AccessLog.objects.filter(attempt_time__gt=now - timedelta(KNOWN_DAYS), **known).exists():
        del reached[by_user]
    return reached


def _failures_of_all(request: Any) -> int:
    counted = AccessAttempt.objects.filter(attempt_time__gt=request.axes_attempt_time - LONGEST)
    total: int = counted.aggregate(total=Sum("failures_since_start", default=0))["total"]
    return total


def record(verb: str, user: User, **detail: Any) -> None:
    """A line in the log and an entry in the trail of what a user did, or failed at."""
    name = user.get_username()
    log.info(f"staff_{verb}", username=name, **detail)
    about: dict[str, Any] = {"user": {"id": user.pk, "name": name}}
    outbox.record(actor=f"staff:{name}", action=f"staff_user.{verb}", tenant_id=None, **about, **detail)


def log_refusal(verb: str, user: User) -> None:
    """A line in the log alone, as anyone who knows the password may cause many."""
    log.warning(f"staff_{verb}", username=user.get_username())
