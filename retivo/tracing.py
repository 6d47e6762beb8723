"""Traces by OpenTelemetry, where `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector; nothing at all elsewhere.

Spans are made here and not by OpenTelemetry's instrumentation of Django, which puts paths, queries and addresses into
them: a path may name a user, and a query may hold a key. Here a route, a statement without its parameters and a
receiver's host are all that is told.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse
from procrastinate import JobContext
from procrastinate.middleware import AsyncCallNext
from procrastinate.worker import Worker

from retivo.logging import request_id, route_of

_tracer: Any = None
_STATEMENT_LENGTH = 1000


def start(service: str) -> None:
    """Send this process's spans from now on. Called after the fork, for a thread sends them.

    Raises:
        ImproperlyConfigured: a collector is named and the packages are missing.
    """
    global _tracer  # noqa: PLW0603  # one a process
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ImproperlyConfigured(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set: pip install --require-hashes -r requirements-otel.txt"
        ) from error
    name = os.environ.get("OTEL_SERVICE_NAME") or service
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    _tracer = trace.get_tracer("retivo")
    connection_created.connect(_trace_statements, dispatch_uid="retivo.tracing")
    for connection in connections.all(initialized_only=True):
        _trace_statements(connection)


@contextmanager
def span(
    name: str, *, kind: str = "INTERNAL", parent: Mapping[str, str] | None = None, **attributes: str | int
) -> Iterator[Any]:
    """A span around what is done in the block; it yields None where nothing is traced.

    Args:
        kind: the name of a `SpanKind` of OpenTelemetry.
        parent: headers that may hold a `traceparent`.
        attributes: with `__` in place of dots.
    """
    if _tracer is None:
        yield None
        return
    from opentelemetry.propagate import extract
    from opentelemetry.trace import SpanKind

    with _tracer.start_as_current_span(
        name,
        context=None if parent is None else extract(parent),
        kind=SpanKind[kind],
        attributes={each.replace("__", "."): value for each, value in attributes.items()},
        # An exception's text may hold what a user sent.
        record_exception=False,
    ) as current:
        yield current


def propagate(headers: dict[str, str]) -> None:
    """Add the current span's `traceparent` to the headers of a request."""
    if _tracer is not None:
        from opentelemetry.propagate import inject

        inject(headers)


class TraceRequests:
    """Middleware: a span for each request, under the caller's own trace where it sends one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        headers = {"traceparent": request.headers.get("traceparent", "")}
        method = request.method or ""
        with span(method, kind="SERVER", parent=headers, http__request__method=method) as current:
            response = self.get_response(request)
            if current is not None:
                route = route_of(request) or "none"
                current.update_name(f"{method} {route}")
                current.set_attribute("http.route", route)
                current.set_attribute("http.response.status_code", response.status_code)
                current.set_attribute("retivo.request_id", request_id())
            return response


async def trace_job(call_next: AsyncCallNext, context: JobContext, worker: Worker) -> Any:
    """Procrastinate's worker middleware: a span for each job."""
    with span(context.job.task_name, kind="CONSUMER", retivo__request_id=f"job-{context.job.id}"):
        return await call_next()


@contextmanager
def attempt(*, url: str, headers: dict[str, str], names: dict[str, Any], request_id: str) -> Iterator[Any]:
    """A span of one request to a receiver, which gets its `traceparent`."""
    with span(
        "attempt",
        kind="CLIENT",
        http__request__method="POST",
        server__address=urlsplit(url).hostname or "",
        retivo__request_id=request_id,
        **{f"retivo__{name}": value for name, value in names.items()},
    ) as current:
        propagate(headers)
        yield current


def _trace_statements(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if _statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(_statement)


def _statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    text = " ".join(str(sql).split())[:_STATEMENT_LENGTH]
    with span(text.partition(" ")[0], kind="CLIENT", db__system__name="postgresql", db__query__text=text):
        return execute(sql, params, many, context)
