"""Each operation that changes something about a tenant leaves one audit entry, and is one event of its partner.

Those of the Partner API are tried in `tests/partners/test_every_change.py`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tenants.catalogue import EVENTS
from tests.conftest import Api
from tests.decisions.cast import INTERVENTIONS, PLAYBOOKS, playbook
from tests.delivery.cast import Merchant, merchant_of
from tests.integrations.cast import GIFT, PATH
from tests.integrations.cast import register as register_action_type
from tests.owner import as_owner
from tests.retivo.api.test_openapi import SCHEMA
from tests.tenants.audit.lines import OWN, entries

CHANGING = {"post", "put", "patch", "delete"}

_EVENTS, _USERS = "it brings end users' events, in volumes", "it is what an end user is"
_OUTCOMES = "it is of one end user; its partner is told how many there were, each minute"
# What makes neither an entry nor an event, and why.
OF_USERS = {
    "mixpanelEvents": _EVENTS,
    "mixpanelEndpoint": _EVENTS,
    "posthogWebhook": _EVENTS,
    "posthogBatch": _EVENTS,
    "posthogAnalytics": _EVENTS,
    "segmentWebhook": _EVENTS,
    "segmentMessage": _EVENTS,
    "segmentBatch": _EVENTS,
    "track": _EVENTS,
    "pushExternalEvents": _EVENTS,
    "saveUser": _USERS,
    "updateUser": _USERS,
    "recommend": "it is a decision about an end user, in volumes",
    "reportOutcome": _OUTCOMES,
    "reportOutcomeByUrl": _OUTCOMES,
}
# What makes an entry and no event, and why.
NO_EVENT = {"eraseUser": "that there was such a user is nobody's business any more"}
# By nobody: it is an entry of the key's tenant, where there is such a key.
OF_NOBODY = {"reportLeakedKey"}
# What changes nothing when it is sent again.
AGAIN = {
    "changeActionType",
    "switchActionTypeOff",
    "changePlaybook",
    "changePlaybookStatus",
    "archivePlaybook",
    "changeSettings",
    "setKillSwitch",
    "setShadowMode",
    "changeApiKey",
    "revokeApiKey",
}


@dataclass(frozen=True)
class Scene:
    action_type: str
    failed_action: str
    playbook: str
    intervention: str
    key: str


Change = Callable[[Api, Scene], Any]
KEYS, FEED = "/api/settings/api-keys", "/api/partners/events"


def _moved(verb: str) -> Change:
    return lambda api, scene: api.put(f"{INTERVENTIONS}/{scene.intervention}/{verb}")


# By the operation's id: what is done, and the action of its entry.
CHANGES: dict[str, tuple[Change, str]] = {
    "eraseUser": (lambda api, scene: api.delete("/api/customers/u2"), "user.erased"),
    "registerActionType": (lambda api, scene: api.post(PATH, GIFT | {"name": "another"}), "action_type.registered"),
    "changeActionType": (
        lambda api, scene: api.put(f"{PATH}/{scene.action_type}", {"description": "New"}),
        "action_type.changed",
    ),
    "switchActionTypeOff": (lambda api, scene: api.delete(f"{PATH}/{scene.action_type}"), "action_type.switched_off"),
    "rotateActionTypeSecret": (
        lambda api, scene: api.post(f"{PATH}/{scene.action_type}/rotate-secret", {}),
        "action_type.secret_rotated",
    ),
    "replayAction": (
        lambda api, scene: api.post(f"/api/external/actions/{scene.failed_action}/replay", {}),
        "action.replayed",
    ),
    "createIntervention": (lambda api, scene: api.post(INTERVENTIONS, {"user_id": "u1"}), "intervention.created"),
    **{f"{verb}Intervention": (_moved(verb), "intervention.status_changed") for verb in ("approve", "pause", "reject")},
    "createPlaybook": (lambda api, scene: api.post(PLAYBOOKS, {"name": "Another"}), "playbook.created"),
    "changePlaybook": (
        lambda api, scene: api.put(f"{PLAYBOOKS}/{scene.playbook}", {"name": "New"}),
        "playbook.changed",
    ),
    "changePlaybookStatus": (
        lambda api, scene: api.put(f"{PLAYBOOKS}/{scene.playbook}/status", {"status": "paused"}),
        "playbook.status_changed",
    ),
    "archivePlaybook": (lambda api, scene: api.delete(f"{PLAYBOOKS}/{scene.playbook}"), "playbook.status_changed"),
    "changeSettings": (lambda api, scene: api.patch("/api/settings", {"name": "New"}), "customer.updated"),
    "setKillSwitch": (
        lambda api, scene: api.put("/api/settings/kill-switch", {"active": True}),
        "customer.controls_changed",
    ),
    "setShadowMode": (
        lambda api, scene: api.put("/api/settings/shadow-mode", {"active": True}),
        "customer.controls_changed",
    ),
    "issueApiKey": (lambda api, scene: api.post(KEYS, {"label": "B", "scopes": ["users:read"]}), "api_key.issued"),
    "changeApiKey": (lambda api, scene: api.patch(f"{KEYS}/{scene.key}", {"label": "Renamed"}), "api_key.updated"),
    "revokeApiKey": (lambda api, scene: api.delete(f"{KEYS}/{scene.key}"), "api_key.revoked"),
    "rotateApiKey": (lambda api, scene: api.post(f"{KEYS}/{scene.key}/rotate", {}), "api_key.rotated"),
    "revokeAllApiKeys": (
        lambda api, scene: api.post(f"{KEYS}/revoke-all?confirm=self", {"reissue": True}),
        "api_key.all_revoked",
    ),
}


@pytest.mark.no_database
def test_operations__of_the_merchants_api_that_change_something__are_all_known_here() -> None:
    changing = {
        operation["operationId"]
        for path, operations in SCHEMA["paths"].items()
        if not path.startswith("/api/partners/")
        for method, operation in operations.items()
        if method in CHANGING
    }
    assert changing == CHANGES.keys() | OF_USERS.keys() | OF_NOBODY


def scene_of(shop: Merchant) -> Scene:
    api = shop.api
    failed = shop.dispatch()
    as_owner("UPDATE delivery_action SET status = 'failed', failure_reason = 'attempts_exhausted', attempts = 8")
    planned = api.post(INTERVENTIONS, {"user_id": "u1"})
    assert planned.status_code == 201, planned.content
    as_owner("UPDATE decisions_intervention SET status = 'awaiting_approval'")
    key = api.post(KEYS, {"label": "Other", "scopes": ["users:read"]})
    return Scene(
        action_type=register_action_type(api)["id"],
        failed_action=failed,
        playbook=str(playbook(api)),
        intervention=planned.json()["id"],
        key=key.json()["key"]["id"],
    )


@pytest.mark.parametrize("operation", CHANGES)
def test_operation__that_changes_something__is_one_entry_with_the_callers_key_and_one_event(
    acme: Api, operation: str
) -> None:
    api = merchant_of(acme, "https://acme.example/points").api
    scene = scene_of(Merchant(api, _own_type(api), ""))
    change, action = CHANGES[operation]
    before, after = api.get(OWN, {"limit": 1}).json()["total"], acme.get(FEED).json()["next_after"]
    key = api.actor.removeprefix("api_key:")

    answer = change(api, scene)

    assert answer.status_code in (200, 201, 202, 204), answer.content
    told = acme.get(FEED, {"after": after}).json()["events"]
    is_revoked = operation == "revokeAllApiKeys"
    reader = Api(api.tenant_id, answer.json()["key"]["api_key"]) if is_revoked else api
    (entry,) = entries(reader, OWN, limit=1)
    assert reader.get(OWN, {"limit": 1}).json()["total"] == before + 1
    assert entry["action"] == action
    assert (entry["actor"]["type"], entry["actor"]["id"]) == ("api_key", key)
    assert entry["request_id"] == answer["X-Request-Id"]
    assert entries(acme, "/api/partners/audit", limit=1)[0]["hash"] == entry["hash"]
    assert [event["type"] for event in told] == ([] if operation in NO_EVENT else [action])
    for event in told:
        Draft202012Validator(EVENTS[action].data).validate(event["data"])
        assert event["version"] == EVENTS[action].version
        assert event["customer"]["tenant_id"] == str(api.tenant_id)
        assert event["actor"] == {"type": "api_key", "id": key}
        assert event["request_id"] == entry["request_id"]
        assert not re.search(r"\bu1\b", str(event["data"]))


@pytest.mark.parametrize("operation", sorted(AGAIN))
def test_operation__sent_again__changes_nothing_and_is_no_entry_and_no_event(acme: Api, operation: str) -> None:
    api = merchant_of(acme, "https://acme.example/points").api
    scene = scene_of(Merchant(api, _own_type(api), ""))
    change, _ = CHANGES[operation]
    change(api, scene)
    before, after = api.get(OWN, {"limit": 1}).json()["total"], acme.get(FEED).json()["next_after"]

    answer = change(api, scene)

    assert answer.status_code in (200, 204), answer.content
    assert api.get(OWN, {"limit": 1}).json()["total"] == before
    assert acme.get(FEED, {"after": after}).json()["events"] == []


def _own_type(api: Api) -> str:
    found: list[dict[str, Any]] = api.get(PATH).json()["action_types"]
    return str(found[0]["id"])
