"""What an operation that names a customer does to one that is being deleted: asked of each that openapi.yaml has."""

from typing import Any

import pytest

from tests.conftest import Api
from tests.owner import as_owner
from tests.retivo.api.test_openapi import SCHEMA, resolve
from tests.tenants.api_keys.places import id_of

CUSTOMER = "/api/partners/customers/{customer}"
REFUSED = (409, "customer_deleting")

# By the operation's id: the request, and what is answered.
OPERATIONS: dict[str, tuple[str, str, Any, tuple[int, str | None]]] = {
    "getCustomer": ("GET", CUSTOMER, None, (200, None)),
    "changeCustomer": ("PATCH", CUSTOMER, {"name": "Another"}, REFUSED),
    "putCustomer": ("PUT", "/api/partners/customers/ext:shop-1", {"name": "Another"}, REFUSED),
    "deleteCustomer": ("DELETE", CUSTOMER, {}, REFUSED),
    "restoreCustomer": ("POST", f"{CUSTOMER}/restore", {}, (200, None)),
    "listCustomerApiKeys": ("GET", f"{CUSTOMER}/api-keys", None, (200, None)),
    "issueCustomerApiKey": ("POST", f"{CUSTOMER}/api-keys", {"scopes": ["full"]}, REFUSED),
    "getCustomerApiKey": ("GET", f"{CUSTOMER}/api-keys/{{key}}", None, (200, None)),
    "changeCustomerApiKey": ("PATCH", f"{CUSTOMER}/api-keys/{{key}}", {"label": "New"}, REFUSED),
    "rotateCustomerApiKey": ("POST", f"{CUSTOMER}/api-keys/{{key}}/rotate", {}, REFUSED),
    # A key that is revoked is not let in again after a restore.
    "revokeCustomerApiKey": ("DELETE", f"{CUSTOMER}/api-keys/{{key}}", None, (200, None)),
    "revokeAllCustomerApiKeys": ("POST", f"{CUSTOMER}/api-keys/revoke-all", {}, (200, None)),
    "shareIntegration": ("POST", "{integration}/share", {"customer_tenant_id": "{customer}"}, REFUSED),
    "unshareIntegration": ("DELETE", "{integration}/share/{customer}", {"actions": "cancel"}, REFUSED),
    # A roll-out to all leaves it where it is; one that names it is refused.
    "startRollout": (
        "POST",
        "{integration}/rollouts",
        {"revision": 1, "to": {"customer_ids": ["{customer}"]}},
        (400, "validation_failed"),
    ),
    # What is told of it.
    "listPartnerEvents": ("GET", "/api/partners/events?customer_id={customer}", None, (200, None)),
    "listPartnerAuditEntries": ("GET", "/api/partners/audit?customer_id={customer}", None, (200, None)),
    "listUsage": ("GET", "/api/partners/usage?customer_id={customer}", None, (200, None)),
}
ALSO: list[tuple[str, str, Any]] = [
    ("POST", f"{CUSTOMER}/api-keys/revoke-all", {"reissue": True}),
    ("PATCH", CUSTOMER, {"plan_status": "active"}),
    ("PATCH", CUSTOMER, {"controls": {"kill_switch": {"active": True}}}),
    ("PATCH", "/api/partners/customers/ext:shop-1", {"name": "Another"}),
    ("DELETE", "{integration}/share/ext:shop-1", {"actions": "finish"}),
]


def names_customers(schema: dict[str, Any], seen: frozenset[str] = frozenset()) -> bool:
    """Whether a body of this schema has a member that does."""
    name = schema.get("$ref", "")
    if name in seen:
        return False
    seen, schema = seen | {name} - {""}, resolve(schema)
    parts = [part for word in ("oneOf", "anyOf", "allOf") for part in schema.get(word, [])]
    members = schema.get("properties", {})
    return any(member.startswith("customer") for member in members) or any(
        names_customers(part, seen) for part in (*parts, *members.values())
    )


def test_operations__that_name_a_customer__are_all_asked() -> None:
    naming = set()
    for path, item in SCHEMA["paths"].items():
        for operation in item.values() if path.startswith("/api/partners/") else ():
            parameters = {resolve(each)["name"] for each in operation.get("parameters", [])}
            body = resolve(operation.get("requestBody", {})).get("content", {}).get("application/json", {})
            if {"customerId", "customer_id"} & parameters or names_customers(body.get("schema", {})):
                naming.add(operation["operationId"])
    assert naming == set(OPERATIONS)


@pytest.mark.parametrize("name", [*OPERATIONS, *range(len(ALSO))])
def test_operation__on_a_customer_that_is_being_deleted__is_refused_if_it_changes_it(
    acme: Api, merchant: Api, name: str | int
) -> None:
    integration = acme.register()
    asked = OPERATIONS[name] if isinstance(name, str) else (*ALSO[name], REFUSED)
    method, path, body, expected = asked
    values = {
        "customer": str(merchant.tenant_id),
        "integration": f"/api/partners/integrations/{integration['id']}",
        "key": str(id_of(merchant)),
    }
    customer = CUSTOMER.format(**values)
    assert acme.patch(customer, {"external_id": "shop-1"}).status_code == 200
    shared = acme.post(f"{values['integration']}/share", {"customer_tenant_id": values["customer"]})
    assert shared.status_code == 200, shared.content
    assert acme.send("DELETE", customer, {}).status_code == 202
    before = changed()

    answer = acme.send(method, path.format(**values), filled(body, values))

    code = answer.json().get("code") if answer.status_code >= 400 else None
    assert (answer.status_code, code) == expected, answer.content
    if expected == REFUSED:
        assert answer.json()["tenant_id"] == values["customer"]
        assert answer.json()["delete_at"]
        assert changed() == before


def filled(body: Any, values: dict[str, str]) -> Any:
    match body:
        case dict():
            return {name: filled(value, values) for name, value in body.items()}
        case list():
            return [filled(each, values) for each in body]
        case str():
            return body.format(**values)
    return body


def changed() -> Any:
    return as_owner("SELECT count(*) FROM tenants_auditentry"), as_owner("SELECT count(*) FROM tenants_partnerevent")
