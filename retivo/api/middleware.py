"""What every answer has, whichever view gives it: a request id, a line in the log, a bounded body."""

import io
import re
import time
import uuid
from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from gunicorn.http.errors import ParseException

from retivo.api.compression import gunzip
from retivo.api.errors import Problem, body_too_large, problem_response

GetResponse = Callable[[HttpRequest], HttpResponse]

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}").fullmatch

log = structlog.get_logger("retivo.request")


class RequestIdMiddleware:
    """Sets `X-Request-Id` on every answer, the caller's own if it is sane, and logs the request under it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        sent = request.headers.get("X-Request-Id", "")
        request_id = sent if _SANE_REQUEST_ID(sent) else uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            response = self.get_response(request)
            response.headers["X-Request-Id"] = request_id
            log.info(
                "request",
                method=request.method,
                path=request.path,
                status=response.status_code,
                ms=round((time.perf_counter() - started) * 1000, 2),
            )
        finally:
            structlog.contextvars.clear_contextvars()
        return response


class BodyLimitMiddleware:
    """Answers 413 above `settings.MAX_BODY_BYTES`, and reads what Django does not: chunked bodies and gzipped ones."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "chunked" in request.headers.get("Transfer-Encoding", ""):
            try:
                body = request.environ["wsgi.input"].read(settings.MAX_BODY_BYTES + 1)  # type: ignore[attr-defined]
            except (ParseException, OSError):  # chunks that are none, or that end too soon
                return problem_response(request, Problem(400, "bad_request", "The body's chunks are malformed."))
            request.META["CONTENT_LENGTH"] = str(len(body))
            request._stream = io.BytesIO(body)
        if _content_length(request) > settings.MAX_BODY_BYTES:
            return problem_response(request, body_too_large())
        encoding = request.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in {"", "identity"}:
            try:
                _decode(request, encoding)
            except Problem as problem:
                return problem_response(request, problem)
        return self.get_response(request)


def _decode(request: HttpRequest, encoding: str) -> None:
    """Put the body in place of what was sent of it, so that all behind sees a request that was never encoded."""
    if encoding not in {"gzip", "x-gzip"}:
        raise Problem(
            415,
            "unsupported_content_encoding",
            "Send the body as it is, or gzipped.",
            headers={"Accept-Encoding": "gzip"},
        )
    try:
        body = gunzip(request._stream.read())
    except OSError as error:  # the sender went away
        raise Problem(400, "bad_request", "The body ends too soon.") from error
    request.META["CONTENT_LENGTH"] = str(len(body))
    del request.META["HTTP_CONTENT_ENCODING"]
    request.__dict__.pop("headers", None)  # cached, with the encoding in it
    request._stream = io.BytesIO(body)


def _content_length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isascii() and length.isdigit() else 0
