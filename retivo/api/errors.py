"""One error shape for every answer that is not a success: RFC 9457 problem details with `error` and `code` beside.

Raise `Problem`; everything the framework raises is turned into one here. `docs/errors.md` lists the codes.
"""

import http
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

import msgspec
import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from psycopg.errors import LockNotAvailable, QueryCanceled
from rest_framework import exceptions

from retivo.api.values import escape_pointer
from retivo.metrics import measures

CONTENT_TYPE = "application/problem+json"

# What the database's function `refuse_while_deleting` raises.
BEING_DELETED = "RT001"

# What is told of a request at most, or a body of 1 MiB could ask for an answer of 10: faults, and characters of each.
MAX_ERRORS = 100
MAX_TEXT = 500

log = structlog.get_logger("retivo.request")


class FieldError(TypedDict):
    """What is wrong with one member of the body (`pointer`, RFC 6901) or one query parameter (`/name`)."""

    pointer: str
    code: str
    detail: str


class Problem(Exception):  # noqa: N818 - as RFC 9457 calls it
    """An answer that is not a success.

    Args:
        status: the HTTP status.
        code: a stable machine-readable name, snake_case.
        detail: a sentence for a person.
        errors: the faulty fields, if it is about fields.
        headers: further response headers.
        extra: further members of the body.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}
        self.extra = extra or {}

    def body(self, request_id: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "error": self.detail,
            "type": f"urn:retivo:problem:{self.code}",
            "title": http.HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            # The occurrence, not the path: two problems that differ in nothing else must not differ here.
            "instance": f"urn:retivo:request:{request_id}",
            "code": self.code,
            "request_id": request_id,
            **self.extra,
        }
        if self.errors:
            body["errors"] = list(self.errors)
        return body


def sent_elsewhere(problem: Problem, pointers: Mapping[str, str]) -> Problem:
    """The same problem, with pointers to what the caller sent: `pointers` has them by what they were made into."""
    errors = [
        FieldError(**{**error, "pointer": pointers.get(error["pointer"], error["pointer"])}) for error in problem.errors
    ]
    detail = problem.detail
    for made, sent in pointers.items():
        if detail.startswith(f"{made}: "):
            detail = sent + detail.removeprefix(made)
    return Problem(problem.status, problem.code, detail, errors=errors, headers=problem.headers, extra=problem.extra)


def not_found(errors: Sequence[FieldError] = ()) -> Problem:
    """One 404 for what does not exist and for what is another's.

    Args:
        errors: the members of the body that name it, where it is not in the path.
    """
    if errors:
        return _of_fields(404, "not_found", errors)
    return Problem(404, "not_found", "There is nothing here that this API key can see.")


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """DRF's EXCEPTION_HANDLER. Returns None, and so lets Django answer 500, for what nobody foresaw."""
    problem = as_problem(exc)
    # No DRF response: a view that renders HTML would render the problem so, too.
    return None if problem is None else problem_response(context["request"], problem)


def as_problem(exc: Exception) -> Problem | None:  # noqa: PLR0911 - a table
    match exc:
        case Problem():
            return exc
        case exceptions.ValidationError():
            return validation_failed(list(_flatten(exc.detail, "")))
        case Http404() | exceptions.NotFound():
            return not_found()
        case exceptions.UnsupportedMediaType():
            return Problem(415, "unsupported_media_type", "Send the body as application/json.")
        case exceptions.MethodNotAllowed():
            return Problem(405, "method_not_allowed", str(exc.detail))
        case PermissionDenied() | exceptions.PermissionDenied():
            return Problem(403, "permission_denied", "This API key may not do that.")
        case RequestDataTooBig():
            return body_too_large()
        case exceptions.APIException():
            return Problem(exc.status_code, str(exc.default_code), str(exc.detail))
        case OperationalError() | InterfaceError():
            return _unavailable(exc)
        case DatabaseError() if getattr(exc.__cause__, "sqlstate", None) == BEING_DELETED:
            return Problem(409, "customer_deleting", "This customer is being deleted. Restore it first.")
        case _:
            return None


NO_ANSWER = (
    "The database did not answer in time. Send the request again; "
    "with an Idempotency-Key, and events with their own keys, nothing is done twice."
)


def _unavailable(error: OperationalError | InterfaceError) -> Problem:
    cause = error.__cause__
    if isinstance(cause, LockNotAvailable | QueryCanceled):  # a deadline: where the statement stood tells nothing
        log.warning("database_deadline", reason=type(cause).__name__)
    else:
        log.error("database_unavailable", exc_info=error)
    return Problem(503, "temporarily_unavailable", NO_ANSWER, headers={"Retry-After": "1"})


def validation_failed(errors: Sequence[FieldError]) -> Problem:
    return _of_fields(400, "validation_failed", errors)


def _of_fields(status: int, code: str, errors: Sequence[FieldError]) -> Problem:
    """The first faults one by one; the sentence says how many there are."""
    told = [
        FieldError(pointer=error["pointer"][:MAX_TEXT], code=error["code"], detail=error["detail"][:MAX_TEXT])
        for error in errors[:MAX_ERRORS]
    ]
    first = told[0]
    where = f"{first['pointer']}: " if first["pointer"] else ""
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return Problem(status, code, f"{where}{first['detail']}{more}", errors=told)


def body_too_large() -> Problem:
    return Problem(413, "body_too_large", "The body may be at most 1 MiB.")


def problem_response(request: HttpRequest, problem: Problem) -> HttpResponse:
    """For answers given outside a view: middleware and Django's own 404 and 500 handlers."""
    measures.PROBLEMS.labels(problem.code).inc()
    return HttpResponse(
        msgspec.json.encode(problem.body(getattr(request, "request_id", ""))),
        status=problem.status,
        headers=dict(problem.headers),
        content_type=CONTENT_TYPE,
    )


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem_response(request, Problem(400, "bad_request", "The request is malformed."))


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem_response(request, Problem(403, "permission_denied", "You may not do that."))


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem_response(request, not_found())


def handler500(request: HttpRequest) -> HttpResponse:
    return problem_response(
        request, Problem(500, "internal_error", "Something failed on our side; the request id finds it in our logs.")
    )


def _flatten(detail: Any, pointer: str) -> Iterator[FieldError]:
    """DRF's nested error detail as a flat list with JSON Pointers."""
    if isinstance(detail, Mapping):
        for key, value in detail.items():
            below = pointer if key == "non_field_errors" else f"{pointer}/{escape_pointer(key)}"
            yield from _flatten(value, below)
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            if isinstance(value, exceptions.ErrorDetail):
                yield FieldError(pointer=pointer, code=value.code or "invalid", detail=str(value))
            else:
                yield from _flatten(value, f"{pointer}/{index}")
    else:
        yield FieldError(pointer=pointer, code=getattr(detail, "code", "invalid"), detail=str(detail))
