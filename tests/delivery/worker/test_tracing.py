"""Traces, received by a collector of the test's own."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests import plain_http
from tests.conftest import REPOSITORY
from tests.delivery.cast import Merchant
from tests.delivery.receiver import Receiver
from tests.delivery.worker.processes import wait_for, worker
from tests.owner import as_owner
from tests.retivo.sight.test_metrics import web

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP, and keeps spans with their attributes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    @property
    def spans(self) -> list[tuple[Any, dict[str, Any]]]:
        found = []
        for body in list(self.bodies):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    for span in scope.spans:
                        values = {each.key: each.value.string_value or each.value.int_value for each in span.attributes}
                        found.append((span, values))
        return found

    def named(self, name: str) -> list[tuple[Any, dict[str, Any]]]:
        return [each for each in self.spans if each[0].name == name]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


def test_traces__of_a_request_and_what_it_had_sent__reach_the_collector_without_what_is_private(
    shop: Merchant, inbox: Receiver, log: Path, collector: Collector
) -> None:
    as_owner("UPDATE integrations_actiontype SET parameters_schema = '{}' RETURNING id")
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    headers = {
        "Authorization": f"Bearer {shop.api.key}",
        "X-Request-Id": "caller-9",
        "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
    }
    with web(log, **variables) as server, worker(log, **variables):
        sent = False
        while not sent:  # it may be best to do nothing
            answer = plain_http.post(
                f"{server.url}/api/decisions/recommend",
                json={"user_id": "u1", "dispatch": True},
                headers=headers,
                timeout=30,
            )
            assert answer.status_code == 200, answer.text
            sent = answer.json()["action_id"] is not None
        plain_http.get(f"{server.url}/api/customers/someone-private", headers=headers, timeout=30)
        wait_for(
            lambda: (
                bool(collector.named("attempt"))
                and any(span.name.startswith("GET /api/customers/") for span, _ in collector.spans)
            )
        )

    request, values = collector.named("POST /api/decisions/recommend")[-1]
    assert request.trace_id.hex() == TRACE
    assert (values["http.route"], values["http.response.status_code"]) == ("/api/decisions/recommend", 200)
    statements = [
        span for span, has in collector.spans if "db.query.text" in has and span.parent_span_id == request.span_id
    ]
    assert statements
    attempt, values = collector.named("attempt")[0]
    assert values["retivo.request_id"] == "caller-9"
    assert inbox.received[0].headers["traceparent"].split("-")[1:3] == [attempt.trace_id.hex(), attempt.span_id.hex()]
    everything = b"".join(collector.bodies)
    for private in (shop.api.key, "someone-private", str(shop.api.tenant_id)):
        assert private.encode() not in everything


@pytest.mark.no_database
def test_start__without_the_packages__says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "opentelemetry.py").write_text("")  # hides the package
    result = subprocess.run(
        [sys.executable, "-c", "from retivo import tracing; tracing.start('x')"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.stderr.splitlines()[-1].endswith("pip install --require-hashes -r requirements-otel.txt")
