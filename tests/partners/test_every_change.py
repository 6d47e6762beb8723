"""Each operation of the Partner API that changes something is one event, of the catalogue, and one audit entry."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator

from partners.urls import urlpatterns
from tenants.models import Scope
from tests.conftest import Api
from tests.delivery.cast import merchant_of
from tests.owner import as_owner
from tests.partners.webhooks.cast import WEBHOOKS, make
from tests.retivo.api.test_openapi import SCHEMA

CHANGING = {"post", "put", "patch", "delete"}


@dataclass(frozen=True)
class Scene:
    """What a partner has, by ids."""

    customer: str
    integration: str
    webhook: str
    action: str
    endpoint: str
    deleted: str
    key: dict[str, str]
    rollout: dict[str, str]  # by its status

    @property
    def path(self) -> str:
        return f"/api/partners/integrations/{self.integration}"

    def keys(self, whose: str) -> str:
        """The path of the partner's own keys, or of its customer's."""
        of_customer = f"/api/partners/customers/{self.customer}/api-keys"
        return "/api/partners/api-keys" if whose == "Partner" else of_customer


SCOPE = {"Partner": "partner:read", "Customer": "events:write"}

Change = Callable[[Api, Scene], Any]


def _of_key(whose: str, method: str, path: str, body: Any) -> Change:
    return lambda acme, scene: acme.send(method, f"{scene.keys(whose)}{path.format(scene.key[whose])}", body)


# By the operation's id.
ENDPOINTS = "/api/partners/endpoints"


def _of_endpoint(name: str, body: Any) -> Change:
    return lambda acme, scene: acme.post(f"{ENDPOINTS}/{scene.endpoint}/{name}", body)


CHANGES: dict[str, Change] = {
    "enableEndpoint": _of_endpoint("enable", {}),
    "recoverEndpoint": _of_endpoint("recover", {"since": "2026-01-01T00:00:00Z"}),
    "certifyEndpoint": _of_endpoint("certify", {}),
    "provisionCustomer": lambda acme, scene: acme.post("/api/partners/customers", {"name": "Other", "slug": "other"}),
    "changeCustomer": lambda acme, scene: acme.patch(
        f"/api/partners/customers/{scene.customer}", {"plan_tier": "scale", "name": "New"}
    ),
    "putCustomer": lambda acme, scene: acme.put("/api/partners/customers/ext:shop-1", {"name": "By its id"}),
    "deleteCustomer": lambda acme, scene: acme.send("DELETE", f"/api/partners/customers/{scene.customer}", {}),
    "restoreCustomer": lambda acme, scene: acme.post(f"/api/partners/customers/{scene.deleted}/restore", {}),
    "setUsageAlert": lambda acme, scene: acme.put(
        "/api/partners/usage-alerts", {"metric": "events", "thresholds": [90], "scope": "fleet", "limit": 1000}
    ),
    "turnPartnerKillSwitch": lambda acme, scene: acme.put(
        "/api/partners/kill-switch", {"active": True, "reason": "Wrong amounts"}
    ),
    "turnPartnerShadowMode": lambda acme, scene: acme.put(
        "/api/partners/shadow-mode", {"active": True, "reason": "Wrong amounts"}
    ),
    "reportOutcomes": lambda acme, scene: acme.post(
        "/api/partners/outcomes", {"outcomes": [{"action_id": scene.action, "status": "completed"}]}
    ),
    "registerIntegration": lambda acme, scene: acme.post(
        "/api/partners/integrations", {"provider": "other", "display_name": "Other"}
    ),
    "shareIntegration": lambda acme, scene: acme.post(
        f"/api/partners/integrations/{scene.integration}/share", {"customer_tenant_id": scene.customer}
    ),
    "changeIntegration": lambda acme, scene: acme.patch(scene.path, {"display_name": "New", "active": False}),
    "deleteIntegration": lambda acme, scene: acme.delete(scene.path),
    "changeWebhooks": lambda acme, scene: acme.patch(
        f"{scene.path}/webhooks", {"from_origin": "https://hooks.acme.example", "to_origin": "https://acme.example"}
    ),
    "deprecateIntegration": lambda acme, scene: acme.post(
        f"{scene.path}/deprecate", {"sunset_at": "2099-01-01T00:00:00Z"}
    ),
    "unshareIntegration": lambda acme, scene: acme.send(
        "DELETE", f"{scene.rollout['path']}/share/{scene.rollout['customer']}", {"actions": "cancel"}
    ),
    "publishRevision": lambda acme, scene: acme.post(
        f"{scene.path}/revisions", {"action_type_templates": [], "note": "Nothing"}
    ),
    "startRollout": lambda acme, scene: acme.post(f"{scene.path}/rollouts", {"revision": 1, "to": "all"}),
    "pauseRollout": lambda acme, scene: acme.post(f"/api/partners/rollouts/{scene.rollout['planned']}/pause", {}),
    "resumeRollout": lambda acme, scene: acme.post(f"/api/partners/rollouts/{scene.rollout['paused']}/resume", {}),
    "rollBackRollout": lambda acme, scene: acme.post(f"/api/partners/rollouts/{scene.rollout['planned']}/rollback", {}),
    "rotateIntegrationSecret": lambda acme, scene: acme.post(
        f"/api/partners/integrations/{scene.integration}/rotate-secret", {}
    ),
    "createWebhook": lambda acme, scene: acme.post(WEBHOOKS, {"url": "https://acme.example/other"}),
    "changeWebhook": lambda acme, scene: acme.patch(
        f"{WEBHOOKS}/{scene.webhook}", {"types": ["customer.created"], "active": False}
    ),
    "deleteWebhook": lambda acme, scene: acme.delete(f"{WEBHOOKS}/{scene.webhook}"),
    "rotateWebhookSecret": lambda acme, scene: acme.post(f"{WEBHOOKS}/{scene.webhook}/rotate-secret", {}),
    "testWebhook": lambda acme, scene: acme.post(f"{WEBHOOKS}/{scene.webhook}/test", {}),
    "replayWebhook": lambda acme, scene: acme.post(
        f"{WEBHOOKS}/{scene.webhook}/replay", {"since": "2026-01-01T00:00:00Z"}
    ),
    **{
        operation.format(whose): _of_key(whose, method, path, body)
        for whose in ("Partner", "Customer")
        for operation, method, path, body in (
            ("issue{}ApiKey", "POST", "", {"label": "Backend", "scopes": [SCOPE[whose]]}),
            ("change{}ApiKey", "PATCH", "/{}", {"label": "Renamed"}),
            ("revoke{}ApiKey", "DELETE", "/{}", None),
            ("rotate{}ApiKey", "POST", "/{}/rotate", {}),
            ("revokeAll{}ApiKeys", "POST", "/revoke-all?confirm=self", {"reissue": True}),
        )
    },
}


@pytest.mark.no_database
def test_operations__of_the_partner_api_that_change_something__are_all_tried_here() -> None:
    paths = SCHEMA["paths"]
    changing = {
        operation["operationId"]
        for path, methods in paths.items()
        if path.startswith("/api/partners/")
        for method, operation in methods.items()
        if method in CHANGING
    }
    assert changing == CHANGES.keys()


@pytest.mark.no_database
def test_router__each_action__has_its_scope_and_is_described() -> None:
    """What is described and changes something is tried below."""
    described = {
        (re.sub(r"{\w+}", "{}", path.removeprefix("/api/partners/")), method)
        for path, methods in SCHEMA["paths"].items()
        for method in methods
    }
    for route in urlpatterns:
        path, view = re.sub(r"<[^>]+>", "{}", str(route.pattern)), cast("Any", route.callback)
        for method, name in view.actions.items():
            assert getattr(view.cls, name).scope in Scope, f"{method} {path}"
            assert method == "head" or (path, method) in described


@pytest.mark.parametrize("operation", CHANGES)
def test_operation__that_changes_something__is_one_event_and_one_audit_entry(
    acme: Api, merchant: Api, operation: str
) -> None:
    integration, webhook = acme.register()["id"], make(acme)["id"]
    action = merchant_of(acme, "https://acme.example/points", slug="shop").dispatch()
    as_owner("UPDATE delivery_action SET status = 'delivered', attempts = 1, delivered_at = now()")
    deleted = str(acme.provision("deleted").tenant_id)
    acme.send("DELETE", f"/api/partners/customers/{deleted}", {})
    rollouts = {"customer": str(as_owner("SELECT id FROM tenants_tenant WHERE slug = 'shop'")[0][0])}
    for status in ("planned", "paused"):
        path = f"/api/partners/integrations/{acme.register(f'of-{status}')['id']}"
        rollouts[status] = acme.post(f"{path}/rollouts", {"revision": 1, "to": "all"}).json()["rollout"]["id"]
    acme.post(f"/api/partners/rollouts/{rollouts['paused']}/pause", {})
    acme.post(f"{path}/share", {"customer_tenant_id": rollouts["customer"]})
    as_owner("UPDATE delivery_endpoint SET consecutive_failures = 5, openings = 1")
    endpoint = next(
        e["id"] for e in acme.get(ENDPOINTS).json()["endpoints"] if e["url"] == "https://acme.example/points"
    )
    about = {**rollouts, "path": path}
    scene = Scene(str(merchant.tenant_id), integration, webhook, action, endpoint, deleted, {}, about)
    for whose, scope in SCOPE.items():
        issued = acme.post(scene.keys(whose), {"label": "Other", "scopes": [scope]})
        scene.key[whose] = issued.json()["key"]["id"]
    schemas = {found["name"]: found for found in acme.get("/api/partners/event-types").json()["event_types"]}
    if operation == "deleteIntegration":
        scene = replace(scene, integration=acme.register("new")["id"])
    after = acme.get("/api/partners/events").json()["next_after"]
    entries_before = acme.get("/api/partners/audit", {"limit": 1}).json()["total"]

    answer = CHANGES[operation](acme, scene)

    assert answer.status_code in (200, 201, 202), answer.content
    is_revoked = operation == "revokeAllPartnerApiKeys"
    reader = Api(acme.tenant_id, answer.json()["key"]["api_key"]) if is_revoked else acme
    (event,) = reader.get("/api/partners/events", {"after": after}).json()["events"]
    assert event["version"] == schemas[event["type"]]["version"]
    Draft202012Validator(schemas[event["type"]]["schema"]).validate(event["data"])
    assert event["actor"] == {"type": "api_key", "id": acme.actor.removeprefix("api_key:")}
    audit = reader.get("/api/partners/audit", {"limit": 1}).json()
    (entry,) = audit["entries"]
    assert audit["total"] == entries_before + 1
    assert (entry["action"], entry["request_id"]) == (event["type"], answer["X-Request-Id"])
    assert (entry["actor"]["type"], entry["actor"]["id"]) == ("api_key", event["actor"]["id"])
    assert entry["customer"] == event["customer"]
