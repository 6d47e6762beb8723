"""A worker's own metrics."""

import time
from pathlib import Path

import pytest

from tests import plain_http
from tests.delivery.cast import Merchant
from tests.delivery.receiver import Answer, Receiver
from tests.delivery.worker.processes import wait_for, worker
from tests.ports import free_port
from tests.retivo.sight.test_metrics import OPENMETRICS, read, value


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


def test_metrics__of_a_worker__tell_of_attempts_tasks_and_itself(shop: Merchant, inbox: Receiver, log: Path) -> None:
    port = free_port()
    inbox.answer = lambda received: Answer(200 if len(inbox.received) > 1 else 400)
    with worker(log, WORKER_METRICS_PORT=str(port)):
        first = shop.dispatch()
        wait_for(lambda: shop.action(first).attempts == 1 and shop.action(first).leased_until is None)
        second = shop.dispatch()
        wait_for(lambda: shop.action(second).status == "delivered")
        time.sleep(5.1)  # what the database said is kept so long
        response = plain_http.get(f"http://127.0.0.1:{port}/metrics", headers=OPENMETRICS, timeout=30)
        elsewhere = plain_http.get(f"http://127.0.0.1:{port}/", timeout=30)

    samples = read(response.text)
    assert elsewhere.status_code == 404
    assert value(samples, "retivo_delivery_attempt_seconds_count", result="retried", answer="4xx") == 1
    # The second action, and the first as well where its retry was due by then.
    assert value(samples, "retivo_delivery_attempt_seconds_count", result="delivered", answer="2xx") in (1, 2)
    assert value(samples, "retivo_workers") == 1
    assert value(samples, "retivo_metrics_refused") == 0
    assert 0 <= value(samples, "retivo_worker_heartbeat_age_seconds") < 60
    assert value(samples, "process_open_fds") > 0
