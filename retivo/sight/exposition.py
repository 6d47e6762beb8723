"""Metrics in OpenMetrics: what the processes counted, and what the database knows."""

import hmac
import ipaddress
import threading
from collections.abc import Callable, Iterator, Mapping
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import psycopg
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from delivery import figures as delivery
from events import figures as events
from retivo.api.errors import not_found, problem_response
from retivo.database.reading import PatientConnection, Reading
from retivo.metrics import files, measures
from tenants.upkeep import workers

# However often it is asked, and by however many. It costs at most a fifth of a second of the database each time.
_ANSWER_SECONDS = 1.0
_KEPT_SECONDS = 5.0


# --- What the database knows ----------------------------------------------------------------------------------------


def _gauge(name: str, help_text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"retivo_{name}", help_text, labels=labels)


def _actions(connection: PatientConnection) -> list[Metric]:
    waiting = _gauge("actions", "Actions that are not at their end: see delivery_backlog.", "state", "status")
    oldest = _gauge("actions_oldest_due_seconds", "For how long the oldest of them has been due.", "state")
    ages = dict.fromkeys(("due", "blocked", "held"), 0.0)
    for each in delivery.backlog(connection):
        waiting.add_metric([each.state, each.status], each.actions)
        if each.oldest_seconds is not None:
            ages[each.state] = max(ages[each.state], each.oldest_seconds)
    for state, seconds in ages.items():
        oldest.add_metric([state], seconds)
    found = delivery.endpoints(connection)
    endpoints = _gauge("endpoints_unwell", "Endpoints left alone: an open circuit, or disabled by a 410.", "state")
    endpoints.add_metric(["open"], found.open)
    endpoints.add_metric(["disabled"], found.disabled)
    return [waiting, oldest, endpoints]


def _workers(connection: PatientConnection) -> list[Metric]:
    found = workers.alive(connection)
    metrics: list[Metric] = [GaugeMetricFamily("retivo_workers", "Workers seen within a minute.", value=found.count)]
    if found.silent_seconds is not None:
        age = GaugeMetricFamily(
            "retivo_worker_heartbeat_age_seconds", "Since any worker was seen.", value=found.silent_seconds
        )
        metrics.append(age)
    succeeded = _gauge("task_last_success_timestamp_seconds", "When a worker's task last succeeded.", "task")
    failed = _gauge("task_last_failure_timestamp_seconds", "When a worker's task last failed.", "task")
    took = _gauge("task_last_duration_seconds", "How long the task took, the last time.", "task")
    for task, run in workers.runs(connection).items():
        took.add_metric([task], run.seconds)
        if run.succeeded_at is not None:
            succeeded.add_metric([task], run.succeeded_at)
        if run.failed_at is not None:
            failed.add_metric([task], run.failed_at)
    return [*metrics, succeeded, failed, took]


def _events(connection: PatientConnection) -> list[Metric]:
    return [
        GaugeMetricFamily(
            "retivo_event_partitions_months_ahead",
            "For how many months after this one the events' partitions are there.",
            value=events.months_ahead(connection),
        ),
        GaugeMetricFamily(
            "retivo_event_keys_oldest_seconds",
            "How old an idempotency key may be at most; 518,400 is too old.",
            value=events.oldest_keys_seconds(connection),
        ),
    ]


def _ask(connection: PatientConnection) -> list[Metric]:
    """What can be told; a part that the database refuses is left out and counted."""
    metrics: list[Metric] = []
    refused = 0
    for part in (_workers, _events, _actions):
        try:
            with connection.transaction():
                metrics += part(connection)
        except psycopg.Error:
            if connection.closed:
                raise
            refused += 1
    return [*metrics, _gauge_of_refused(refused)]


def _gauge_of_refused(count: int) -> Metric:
    help_text = "Parts of these metrics that the database refused, as it does where migrations are pending."
    return GaugeMetricFamily("retivo_metrics_refused", help_text, value=count)


_reading = Reading(_ask, seconds=_ANSWER_SECONDS, kept_seconds=_KEPT_SECONDS)


class _FromDatabase(Collector):
    def collect(self) -> Iterator[Metric]:
        up = 1
        try:
            yield from _reading.get()
        except (psycopg.Error, TimeoutError):
            up = 0
        yield GaugeMetricFamily("retivo_database_up", "Whether the database answered these metrics.", value=up)

    def describe(self) -> list[Metric]:
        return []  # or registering this would ask the database


# --- All together ---------------------------------------------------------------------------------------------------


def exposition(accept: str) -> tuple[bytes, str]:
    """All metrics that this process can tell, in the format that `accept` asks for, and its content type."""
    registry = CollectorRegistry()
    if files.are_shared():
        MultiProcessCollector(registry)
    else:
        registry.register(measures.REGISTRY)
        ProcessCollector(registry=registry)
    registry.register(_FromDatabase())
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def may_read(request: HttpRequest) -> bool:
    """Whether the request holds `METRICS_TOKEN`; where there is none, whether it comes from this host itself.

    A proxy on this host connects from it, too. What it passes on has its headers, or the name that others know us by.
    """
    if settings.METRICS_TOKEN:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            token.strip().encode(), settings.METRICS_TOKEN.encode()
        )
    passed_on = any(name.lower().startswith(_PROXYS_HEADERS) for name in request.headers)
    host = request.headers.get("Host", "").rpartition(":")[0] or request.headers.get("Host", "")
    return not passed_on and _is_loopback(request.META.get("REMOTE_ADDR", "")) and _is_loopback(host.strip("[]"))


_PROXYS_HEADERS = ("forwarded", "via", "x-forwarded-", "x-real-ip")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def metrics(request: HttpRequest) -> HttpResponse:
    """GET /metrics. Whoever may not read it is told that there is nothing."""
    if request.method not in ("GET", "HEAD") or not may_read(request):
        return problem_response(request, not_found())
    body, content_type = exposition(request.headers.get("Accept", ""))
    return HttpResponse(body, content_type=content_type, headers={"Cache-Control": "no-store"})


# --- A worker's own server ------------------------------------------------------------------------------------------


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = 5  # of a scraper that says nothing

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: scrapes are no news."""


def serve(port: int) -> None:
    """Answer /metrics of this process in a thread: on loopback, or where `METRICS_TOKEN` is set on all addresses.

    Raises:
        OSError: the port is not to be had.
    """
    address = "0.0.0.0" if settings.METRICS_TOKEN else "127.0.0.1"  # noqa: S104  # who may read it holds the token
    server = make_server(address, port, _answer, server_class=_Server, handler_class=_Handler)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()


def _answer(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    request = WSGIRequest(dict(environ))
    response = metrics(request) if request.path_info == "/metrics" else problem_response(request, not_found())
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return [response.content]
