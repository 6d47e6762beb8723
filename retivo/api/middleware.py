"""What every answer has, whichever view gives it: a request id, a line in the log, a bounded body.

And where requests of the API leave the chain: see docs/decisions/0015-api-requests-leave-the-chain-early.md.
"""

import io
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.urls import ResolverMatch, resolve
from gunicorn.http.errors import ParseException

from retivo.api.address import client_address
from retivo.api.compression import gunzip
from retivo.api.errors import Problem, body_too_large, problem_response
from retivo.api.paths import path_of
from retivo.logging import bind_request, log_request, route_of
from retivo.metrics import measures

GetResponse = Callable[[HttpRequest], HttpResponse]

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}").fullmatch


class RequestIdMiddleware:
    """Sets `X-Request-Id` on every answer, the caller's own if it is sane, and logs the request under it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started, waited = time.perf_counter(), measures.database_seconds()
        sent = request.META.get("HTTP_X_REQUEST_ID", "")
        is_ours = not _SANE_REQUEST_ID(sent)
        request_id = secrets.token_hex(16) if is_ours else sent
        request.request_id = request_id  # type: ignore[attr-defined]
        address = client_address(request)
        bind_request(request_id, is_ours=is_ours, address=None if address is None else str(address))
        try:
            response = self.get_response(request)
            response.headers["X-Request-Id"] = request_id
            response._has_been_logged = True  # type: ignore[attr-defined]  # or Django did it again, without the id
            route, seconds = route_of(request), time.perf_counter() - started
            log_request(method=request.method, route=route, status=response.status_code, ms=round(seconds * 1000, 2))
            measures.count_request(
                method=request.method or "",
                route=route,
                status=response.status_code,
                seconds=seconds,
                database_seconds=measures.database_seconds() - waited,
            )
        finally:
            structlog.contextvars.clear_contextvars()
        return response


class HttpsMiddleware:
    """Refuses plain HTTP under `/api/`, where Django's `SecurityMiddleware` redirects browsers elsewhere.

    A client would follow the redirect silently, and go on sending its key in the clear.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SECURE_SSL_REDIRECT and request.path_info.startswith("/api/") and not request.is_secure():
            return problem_response(request, Problem(403, "https_required", _HTTPS_REQUIRED))
        return self.get_response(request)


_HTTPS_REQUIRED = "Use https://. What was sent, a key included, went in the clear: replace that key."


class ApiMiddleware:
    """Answers the requests under `/api/`, which have no use for what stands behind it: sessions, forms, logins."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return call_view(request) if request.path_info.startswith("/api/") else self.get_response(request)


def call_view(request: HttpRequest) -> HttpResponse:
    """The answer of the path's view, without any middleware that stands behind the caller.

    Raises:
        Resolver404: there is none.
    """
    request.resolver_match = match = _match(path_of(request))
    response: Any = match.func(request, *match.args, **match.kwargs)
    return response if getattr(response, "is_rendered", True) else response.render()  # type: ignore[no-any-return]


# Of the paths that no parameter is in: those that carry most load among them.
_fixed: dict[str, ResolverMatch] = {}


def _match(path: str) -> ResolverMatch:
    match = _fixed.get(path)
    if match is None:
        match = resolve(path)
        if not match.kwargs:
            _fixed[path] = match
    return match


class BodyMiddleware:
    """Reads the body, chunked and gzipped ones too, and answers 413 above `settings.MAX_BODY_BYTES`.

    Before all else: nobody who sends slowly shall hold a transaction open.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            _read(request)
        except Problem as problem:
            return problem_response(request, problem)
        return self.get_response(request)


def _read(request: HttpRequest) -> None:
    if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        try:
            body = request.environ["wsgi.input"].read(settings.MAX_BODY_BYTES + 1)  # type: ignore[attr-defined]
        except (ParseException, OSError) as error:  # chunks that are none, or that end too soon
            raise Problem(400, "bad_request", "The body's chunks are malformed.") from error
        _put(request, body)
    length = _content_length(request)
    if length > settings.MAX_BODY_BYTES:
        raise body_too_large()
    if not length:
        return
    try:
        body = request.body
    except UnreadablePostError as error:  # the sender went away, or said nothing for too long
        raise Problem(400, "bad_request", "The body ends too soon.") from error
    if len(body) < length:
        raise Problem(400, "bad_request", "The body ends too soon.")
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if encoding in {"gzip", "x-gzip"}:
        _put(request, gunzip(body))
        del request.META["HTTP_CONTENT_ENCODING"]
        request.__dict__.pop("headers", None)  # cached, with the encoding in it
    elif encoding not in {"", "identity"}:
        raise Problem(
            415,
            "unsupported_content_encoding",
            "Send the body as it is, or gzipped.",
            headers={"Accept-Encoding": "gzip"},
        )


def _put(request: HttpRequest, body: bytes) -> None:
    """Have all behind see a request that was sent with this body, neither chunked nor encoded."""
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._body = body
    request._stream = io.BytesIO(body)


def _content_length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isascii() and length.isdigit() else 0
