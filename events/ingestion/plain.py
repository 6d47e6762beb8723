"""The plain case of `track`, in one trip to the database and without DRF.

A batch is plain if there is nothing to say about it but that it was stored. If there is anything else, the request goes
the ordinary way, which says it, as if nothing had been tried: `track_batch` stores all or nothing. Both ways write the
same rows; `tests/events/ingestion/test_plain.py` sends the same batches both ways.
"""

from typing import cast

import structlog
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

from events.ingestion import batch, services, traits
from retivo.api.errors import BEING_DELETED, Problem, as_problem, problem_response
from retivo.api.json import encode
from retivo.database.cursor import kept_cursor
from retivo.logging import caller_address
from retivo.metrics import measures
from tenants.access import idempotency
from tenants.access.shares import Known


def track(request: HttpRequest, *, digest: bytes, known: Known) -> HttpResponse | None:
    """Store the request's batch and answer; None if the request is not plain, and then nothing was done.

    Args:
        digest: of the key. Whether it is still valid is for the database to say.
        known: what was known of the key, for the log.
    """
    if not _is_plain(request):
        return None
    try:
        stored = _store(digest, known, request.body)
    except (IntegrityError, DataError):  # a key that was stored meanwhile, or what PostgreSQL cannot hold
        return None
    except (OperationalError, InterfaceError) as error:
        return problem_response(request, cast("Problem", as_problem(error)))
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", None) != BEING_DELETED:
            raise
        return None  # the key is asked for anew, and refused
    if not stored:
        return None
    measures.count_events(accepted=stored, duplicates=0, rejected=[])
    return HttpResponse(
        b'{"accepted":%d,"duplicates":0,"rejected":[]}' % stored,
        content_type="application/json",
    )


def _is_plain(request: HttpRequest) -> bool:
    """Whether the head of the request is as most are."""
    return (
        request.method == "POST"
        and request.META.get("CONTENT_TYPE") == "application/json"
        and idempotency.HEADER not in request.headers
    )


def _store(digest: bytes, known: Known, body: bytes) -> int:
    """How many events were stored: all, or none. The statement is a transaction, committed when it returns."""
    events = batch.read_plain(body)
    if events is None or any(map(traits.brings_traits, events)):
        return 0
    structlog.contextvars.bind_contextvars(key_id=str(known.key_id), tenant_id=str(known.tenant_id))
    cursor = kept_cursor()
    cursor.execute(
        "SELECT track_batch(%s, %s::jsonb, 'track', NULL, %s, %s::inet)",
        [digest, encode(events).decode(), services.SCORED_AT_ONCE, caller_address()],
    )
    return len(events) if cursor.fetchone()[0] else 0
