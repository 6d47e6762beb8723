"""What schemathesis finds against the real server: nothing.

All its checks and phases, as `acme`, with `rival` as the peer that must not see acme's objects. The seed is fixed; to
search on, change it; `make soak` has more examples.
"""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from delivery import services as delivery
from delivery.outcomes import tokens
from tenants.context import tenant_context
from tests.conftest import REPOSITORY, Api, Server
from tests.factories import TemplateBody
from tests.owner import as_owner
from tests.partners.webhooks.cast import make
from tests.sizes import size

pytestmark = pytest.mark.long

SEED = 1
MAX_EXAMPLES = size(20, whole=60)

CONFIG = """
seed = {seed}
hooks = "tests.retivo.api.schemathesis_hooks"
warnings = {{ fail-on = true }}

[generation]
max-examples = {max_examples}
database = "none"

# Too many events are 413 by the contract, as is a body that is too long.
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422]

[auth.wfc]
path = "{identities}"
user = "acme"
peers = ["acme", "rival"]

# The grammar of conditions has as many cases as all else together, and tests/decisions/playbooks/test_conditions.py
# has them; an action type is changed by the same body as it is made.
[[operations]]
include-operation-id = ["createPlaybook", "changePlaybook", "changeActionType"]
[operations.phases.coverage]
enabled = false

# A user's id may end with `/export`.
[[operations]]
include-operation-id = ["exportUser"]
[operations.phases.coverage]
enabled = false

# Switched off, and there to be read.
[[operations]]
include-operation-id = ["getActionType", "switchActionTypeOff"]
[operations.checks.use_after_free]
enabled = false

# Which of the known keys is which customer's, no schema can say.
[[operations]]
include-operation-id = ["rotateCustomerApiKey", "rotateApiKey", "putCustomer"]
warnings = false

# Ids that exist, or most of what is behind a 404 would go unseen.
[dictionaries]
customers = {{ values = {customers} }}
integrations = {{ values = {integrations} }}
keys = {{ values = {keys} }}
webhooks = {{ values = {webhooks} }}
deletions = {{ values = {deletions} }}
rollouts = {{ values = {rollouts} }}
endpoints = {{ values = ["{endpoint}"] }}
certifications = {{ values = ["{certification}"] }}
numbers = {{ values = [1] }}
users = {{ values = ["user-42", "a/b 50%"] }}
playbooks = {{ values = ["{playbook}"] }}
interventions = {{ values = {interventions} }}
action_types = {{ values = ["{action_type}"] }}
actions = {{ values = {actions} }}
decisions = {{ values = ["{decision}"] }}
tokens = {{ values = {tokens} }}

[parameters]
"path.customerId" = {{ dictionary = "customers", probability = 0.7 }}
"path.integrationId" = {{ dictionary = "integrations", probability = 0.5 }}
"path.keyId" = {{ dictionary = "keys", probability = 0.7 }}
"path.webhookId" = {{ dictionary = "webhooks", probability = 0.7 }}
"path.deletionId" = {{ dictionary = "deletions", probability = 0.5 }}
"path.rolloutId" = {{ dictionary = "rollouts", probability = 0.7 }}
"path.endpointId" = {{ dictionary = "endpoints", probability = 0.7 }}
"path.certificationId" = {{ dictionary = "certifications", probability = 0.7 }}
"path.number" = {{ dictionary = "numbers", probability = 0.5 }}
"path.userId" = {{ dictionary = "users", probability = 0.5 }}
"path.playbookId" = {{ dictionary = "playbooks", probability = 0.5 }}
"path.actionTypeId" = {{ dictionary = "action_types", probability = 0.5 }}
"path.actionId" = {{ dictionary = "actions", probability = 0.5 }}
"path.interventionId" = {{ dictionary = "interventions", probability = 0.5 }}
"path.decisionId" = {{ dictionary = "decisions", probability = 0.5 }}
"path.token" = {{ dictionary = "tokens", probability = 0.5 }}
"body.user_id" = {{ dictionary = "users", probability = 0.5 }}
"body.customer_tenant_id" = {{ dictionary = "customers" }}
"""

ACTION_TYPE = {
    "name": "seed",
    "description": "Seed",
    "provider": "seed",
    "parameters_schema": {"amount": {"type": "number"}},
    "delivery_webhook": "https://hooks.seed.example/",
}


def test_schemathesis__all_checks__finds_nothing(acme: Api, rival: Api, server: Server, tmp_path: Path) -> None:
    # Several, for some are deleted, revoked and rolled out meanwhile.
    shared = [acme.register(f"seed-{n}")["id"] for n in range(6)]
    customers = [acme.provision(f"seed-{n}", external_id=f"seed-{n}").tenant_id for n in range(8)]
    gone = [acme.provision(f"gone-{n}") for n in range(2)]
    deletions = [deletion_of(acme, each) for each in gone]
    url = "https://hooks.acme.example/of-one-alone"
    acme.register("alone", action_type_templates=[TemplateBody(delivery_webhook=url)])
    (endpoint,) = [each["id"] for each in acme.get("/api/partners/endpoints").json()["endpoints"] if each["url"] == url]
    certification = acme.post(f"/api/partners/endpoints/{endpoint}/certify", {}).json()["certification"]["id"]
    unshared = [acme.register(f"new-{n}")["id"] for n in range(6)]
    acme.post("/api/track", {"events": [{"user_id": each, "event": "clicked"} for each in ("user-42", "user-43")]})
    for integration in shared:
        acme.post(f"/api/partners/integrations/{integration}/share", {"all": True})
    playbook = acme.post("/api/playbooks", {"name": "seed"}).json()["id"]
    # Several, for most of what is done to one can be done once.
    interventions = [acme.post("/api/interventions", {"user_id": "user-42"}).json()["id"] for _ in range(20)]
    action_type = acme.post("/api/external/action-types", ACTION_TYPE).json()["action_type"]["id"]
    actions = seed_actions(acme, action_type)
    decision = acme.post("/api/decisions/recommend", {"user_id": "user-42"}).json()["decision_id"]
    # A worker, for as long as it takes.
    as_owner("INSERT INTO tenants_workerprocess (id, host, seen_at) VALUES (gen_random_uuid(), 'here', now() + '1h')")
    identities = tmp_path / "identities.json"
    identities.write_text(json.dumps({"auth": [_identity("acme", acme), _identity("rival", rival)]}))
    config = tmp_path / "schemathesis.toml"
    config.write_text(
        CONFIG.format(
            seed=SEED,
            max_examples=MAX_EXAMPLES,
            identities=identities,
            # The first has the keys, and those that go can be restored.
            customers=json.dumps(
                [*map(str, [*customers[:1] * 4, *customers, *(each.tenant_id for each in gone)]), "ext:seed-0"]
            ),
            integrations=json.dumps([*shared, *unshared]),
            keys=json.dumps(keys_of(acme, customers[0])),
            webhooks=json.dumps([make(acme, f"https://acme.example/{n}")["id"] for n in range(8)]),
            deletions=json.dumps(deletions),
            endpoint=endpoint,
            certification=certification,
            rollouts=json.dumps([rollout_of(acme, integration) for integration in shared]),
            playbook=playbook,
            interventions=json.dumps(interventions),
            action_type=action_type,
            actions=json.dumps(actions),
            decision=decision,
            tokens=json.dumps(tokens_of(acme, actions)),
        )
    )

    schemathesis = [sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(config)]
    result = subprocess.run(
        [*schemathesis, "run", f"{server.url}/api/openapi.json", "--checks", "all", "--continue-on-failure"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )

    assert result.returncode == 0, result.stdout[-60_000:] + result.stderr
    assert re.search(r"Operations:\s+(\d+) selected / \1 total", result.stdout)


def keys_of(partner: Api, customer: UUID) -> list[str]:
    """Of the partner and of its customer, to be shown, rotated and revoked."""
    of_customer = f"/api/partners/customers/{customer}/api-keys"
    places = [("/api/partners/api-keys", "partner:read")] * 16 + [(of_customer, "events:write")] * 16
    return [partner.post(path, {"label": "Seed", "scopes": [scope]}).json()["key"]["id"] for path, scope in places]


def deletion_of(partner: Api, customer: Api) -> str:
    answer = partner.send("DELETE", f"/api/partners/customers/{customer.tenant_id}", {})
    return str(answer.json()["deletion"]["id"])


def rollout_of(partner: Api, integration: str) -> str:
    """Of a second revision, which no worker begins with."""
    path = f"/api/partners/integrations/{integration}"
    templates = partner.get(path).json()["integration"]["action_type_templates"]
    partner.post(f"{path}/revisions", {"action_type_templates": [each | {"description": "Seed"} for each in templates]})
    return str(partner.post(f"{path}/rollouts", {"revision": 2, "to": "all"}).json()["rollout"]["id"])


def seed_actions(api: Api, action_type: str) -> list[str]:
    """Some that were sent, for an outcome to be reported, and some that failed, to be replayed."""
    with tenant_context(api.tenant_id):
        ids = [
            delivery.dispatch(
                tenant_id=api.tenant_id,
                user_id="user-43",  # whom nobody erases
                action_type_id=action_type,
                parameters={"amount": 5},
                decision_id=None,
                now=datetime.now(UTC),
            ).id
            for _ in range(20)
        ]
    as_owner("UPDATE delivery_action SET status = 'delivered', attempts = 1 WHERE id = ANY(%s)", ids[:10])
    as_owner(
        "UPDATE delivery_action SET status = 'failed', failure_reason = 'attempts_exhausted' WHERE id = ANY(%s)",
        ids[10:],
    )
    return ids


def tokens_of(api: Api, actions: list[str]) -> list[str]:
    """Of their outcome URLs."""
    expires_at = datetime.now(UTC) + timedelta(days=1)
    return [tokens.make(tenant_id=api.tenant_id, action_id=each, expires_at=expires_at) for each in actions]


def _identity(name: str, api: Api) -> dict[str, object]:
    return {"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {api.key}"}]}
