"""The id of a request goes along with what it decided, dispatched and had sent."""

import json
from pathlib import Path

import pytest
import structlog

from tests.delivery.cast import Merchant
from tests.delivery.receiver import Receiver
from tests.delivery.worker.processes import wait_for, worker
from tests.owner import as_owner


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


def recommend(shop: Merchant, request_id: str) -> str:
    """Ask until something is to be done; the action's id."""
    while True:
        body = {"user_id": "u1", "dispatch": True}
        answer = shop.api.post("/api/decisions/recommend", body, X_Request_Id=request_id)
        assert answer.status_code == 200, answer.content
        action_id = answer.json()["action_id"]
        if action_id is not None:
            return str(action_id)


def test_request_id__of_a_recommendation__is_with_decision_action_webhook_and_log(
    shop: Merchant, inbox: Receiver, log: Path
) -> None:
    as_owner("UPDATE integrations_actiontype SET parameters_schema = '{}' RETURNING id")
    action_id = recommend(shop, "caller-7")
    with worker(log):
        wait_for(lambda: shop.action(action_id).status == "delivered")
        wait_for(lambda: '"attempt"' in log.read_text())

    (attempt,) = [line for line in map(json.loads, log.read_text().splitlines()) if line["event"] == "attempt"]
    action = shop.api.get(f"/api/external/actions/{action_id}").json()["action"]
    decision = shop.api.get(f"/api/decisions/{action['decision_id']}").json()["decision"]
    assert (action["request_id"], decision["request_id"]) == ("caller-7", "caller-7")
    assert (attempt["action_id"], attempt["request_id"], attempt["result"]) == (action_id, "caller-7", "delivered")
    assert inbox.received[0].headers["x-retivo-request-id"] == "caller-7"


def test_request_id__within_a_job__is_the_jobs(shop: Merchant) -> None:
    with structlog.contextvars.bound_contextvars(request_id="job-12"):
        by_job = shop.dispatch()
    by_nobody = shop.dispatch()

    assert (shop.action(by_job).request_id, shop.action(by_nobody).request_id) == ("job-12", "")


def test_insert__of_the_release_before__needs_no_request_id(shop: Merchant) -> None:
    id = shop.dispatch()
    (columns,) = as_owner(
        "SELECT string_agg(column_name, ', ') FROM information_schema.columns"
        " WHERE table_name = 'delivery_action' AND column_name NOT IN ('id', 'request_id')"
    )

    as_owner(f"INSERT INTO delivery_action ({columns[0]}) SELECT {columns[0]} FROM delivery_action WHERE id = %s", id)

    assert as_owner("SELECT count(*), count(DISTINCT request_id) FROM delivery_action") == [(2, 1)]
