"""Whatever is sent to whatever operation, the answer is never a 5xx.

`make inputs` sends 20,000 requests of each kind; `INPUTS` says how many.
"""

import logging
import os
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.conftest import Api, Server
from tests.partners.webhooks.cast import make
from tests.retivo.api.inputs import USERS, Ids, Request, requests
from tests.retivo.api.test_schemathesis import (
    ACTION_TYPE,
    deletion_of,
    keys_of,
    rollout_of,
    seed_actions,
    tokens_of,
)

logging.getLogger("httpx").setLevel(logging.WARNING)

INPUTS = int(os.environ.get("INPUTS") or 300)
SEED = int(os.environ.get("INPUTS_SEED") or 1)


@pytest.fixture
def ids(acme: Api) -> Ids:
    """Of what acme has, or most of what is behind a 404 would go unseen."""
    acme.post("/api/track", {"events": [{"user_id": user, "event": "clicked"} for user in [*USERS, "user-43"]]})
    action_type = acme.post("/api/external/action-types", ACTION_TYPE).json()["action_type"]["id"]
    actions = seed_actions(acme, action_type)
    customers = [acme.provision(f"seed-{n}").tenant_id for n in range(3)]
    integration = acme.register("seed")["id"]
    acme.post(f"/api/partners/integrations/{integration}/share", {"all": True})
    return {
        "customerId": [*map(str, customers)],
        "integrationId": [integration],
        "keyId": keys_of(acme, customers[0]),
        "webhookId": [make(acme, f"https://acme.example/{n}")["id"] for n in range(3)],
        "deletionId": [deletion_of(acme, acme.provision("gone"))],
        "rolloutId": [rollout_of(acme, integration)],
        "endpointId": [each["id"] for each in acme.get("/api/partners/endpoints").json()["endpoints"]],
        "number": ["1", "2"],
        "userId": USERS,
        "playbookId": [acme.post("/api/playbooks", {"name": f"seed {n}"}).json()["id"] for n in range(3)],
        "interventionId": [acme.post("/api/interventions", {"user_id": "user-42"}).json()["id"] for _ in range(20)],
        "actionTypeId": [action_type],
        "actionId": actions,
        "token": tokens_of(acme, actions),
        "decisionId": [acme.post("/api/decisions/recommend", {"user_id": "user-42"}).json()["decision_id"]],
    }


def _encoded(headers: Mapping[str, str | bytes]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers.items()]


@pytest.mark.parametrize("malformed", [False, True], ids=["well-formed but unusual", "malformed"])
def test_any_input__of_any_operation__is_no_5xx(acme: Api, server: Server, ids: Ids, malformed: bool) -> None:
    statuses: Counter[int] = Counter()
    failed: list[tuple[Request, str]] = []
    began = datetime.now(UTC)

    with httpx.Client(base_url=server.url, timeout=60, headers={"Authorization": f"Bearer {acme.key}"}) as http:

        @seed(SEED)
        @settings(
            max_examples=INPUTS,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(request=requests(ids, malformed=malformed))
        def send(request: Request) -> None:
            answer = http.request(request.method, request.path, content=request.body, headers=_encoded(request.headers))
            statuses[answer.status_code] += 1
            if sum(statuses.values()) % 1000 == 0:
                print(f"{sum(statuses.values())}: {dict(sorted(statuses.items()))}", flush=True)  # noqa: T201
            if answer.status_code >= 500:
                failed.append((request, answer.text))
                print(request, answer.text, flush=True)  # noqa: T201

        send()

    took = (datetime.now(UTC) - began).total_seconds()
    print(f"\n{sum(statuses.values())} inputs in {took:.0f} s: {dict(sorted(statuses.items()))}")  # noqa: T201
    assert failed == []
    assert sum(statuses.values()) >= INPUTS * 0.9
    # Nothing found means something only where what is well-formed gets through.
    if not malformed:
        assert statuses[200] + statuses[201] > INPUTS // 4
