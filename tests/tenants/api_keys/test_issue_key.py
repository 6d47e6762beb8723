import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from nacl.public import PrivateKey, SealedBox

from tenants.context import staff_context
from tenants.models import AuditEntry, PartnerEvent, Scope
from tests.conftest import Api, Server
from tests.owner import as_owner
from tests.tenants.api_keys.places import Place, id_of, key_with, lets_in

MINE = PrivateKey.generate()
PUBLIC = base64.b64encode(bytes(MINE.public_key)).decode()


def test_issue__in_each_place__makes_a_key_that_may_do_what_it_says(place: Place) -> None:
    key = place.issue(expires_at="2999-01-01T00:00:00Z")

    assert key["scopes"] == sorted(place.scopes)
    assert (key["mode"], key["status"], key["label"]) == ("live", "active", "Backend")
    assert key["created_by"] == {"type": "api_key", "id": str(id_of(place.caller))}
    assert key["expires_at"] == "2999-01-01T00:00:00.000000Z"
    assert (key["replaces"], key["replaced_by"], key["last_used_at"], key["last_used_ip_prefix"]) == (None,) * 4
    assert lets_in(place.api(key)) == (403, "insufficient_scope")
    assert place.api(key).get("/api/customers").status_code == 200  # of users:read


def test_issue__key__is_in_the_list_of_each_who_sees_it(place: Place, acme: Api, merchant: Api) -> None:
    key = place.issue()
    del key["api_key"]

    assert place.get(key["id"]) == key
    assert place.caller.get(place.path).json()["api_keys"][-1] == key
    if place.holder == merchant:
        customer = acme.get(f"/api/partners/customers/{merchant.tenant_id}").json()["customer"]
        assert customer["api_keys"][-1] == key
    assert place.holder.get("/api/settings").json()["api_keys"][-1] == key


def test_list__in_pages__has_each_key_once(place: Place) -> None:
    made = [place.issue()["id"] for _ in range(4)]
    page = place.caller.get(place.path, {"limit": 2}).json()
    seen = [key["id"] for key in page["api_keys"]]
    while page["next_cursor"] is not None:
        page = place.caller.get(place.path, {"limit": 2, "cursor": page["next_cursor"]}).json()
        seen += [key["id"] for key in page["api_keys"]]
    assert seen[1:] == made
    assert page["total"] == len(seen)


def test_issue__text_of_a_key__is_in_no_later_answer_log_or_row(place: Place, server: Server) -> None:
    sent = server.send(place.caller, "POST", place.path, {"scopes": place.scopes}, idempotency_key=str(uuid4()))
    key = sent.json()["key"]
    text = key["api_key"]

    api = place.api(key)
    later = [server.send(api, "GET", path).text for path in ("/api/customers", "/api/settings")]
    later += [server.send(place.caller, "GET", path).text for path in (place.path, f"{place.path}/{key['id']}")]
    with staff_context():
        later += [json.dumps(list(model.objects.values()), default=str) for model in (AuditEntry, PartnerEvent)]
    tables = as_owner("SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'tenants%%'")
    later += [str(as_owner(f"SELECT t::text FROM {table} t")) for (table,) in tables]
    assert text.encode().hex() not in "".join(later)
    assert text not in "".join(later) + server.log.read_text()
    assert text[12:30] not in "".join(later) + server.log.read_text()


@pytest.mark.parametrize("body", [{"encrypt_to": PUBLIC}, {}])
def test_issue__sent_again_with_its_idempotency_key__is_the_same_key(place: Place, body: dict[str, Any]) -> None:
    body |= {"scopes": place.scopes}
    first = place.caller.post(place.path, body, idempotency_key="once")
    again = place.caller.post(place.path, body, idempotency_key="once")

    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert place.caller.get(place.path).json()["total"] == 2


def test_issue__to_a_public_key__is_sealed_and_opened_by_its_secret_key_alone(place: Place) -> None:
    key = place.issue(encrypt_to=PUBLIC)

    assert "api_key" not in key
    text = SealedBox(MINE).decrypt(base64.b64decode(key["api_key_sealed"])).decode()
    assert text.startswith(key["prefix"])
    assert lets_in(Api(place.holder.tenant_id, text)) == (403, "insufficient_scope")
    rotated = place.rotate(key, encrypt_to=PUBLIC).json()["key"]
    assert "api_key" not in rotated
    assert SealedBox(MINE).decrypt(base64.b64decode(rotated["api_key_sealed"])).decode().startswith(rotated["prefix"])


FAULTS = [
    ({"scopes": []}, "/scopes"),
    ({}, "/scopes"),
    ({"scopes": ["users:erase"]}, "/scopes/0"),
    ({"scopes": "full"}, "/scopes"),
    ({"scopes": ["users:read"], "expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
    ({"scopes": ["users:read"], "expires_at": "tomorrow"}, "/expires_at"),
    ({"scopes": ["users:read"], "label": "x" * 101}, "/label"),
    ({"scopes": ["users:read"], "allowed_cidrs": []}, "/allowed_cidrs"),
    ({"scopes": ["users:read"], "allowed_cidrs": ["203.0.113.7/24"]}, "/allowed_cidrs/0"),
    ({"scopes": ["users:read"], "allowed_cidrs": ["10.0.0.0/8", "nonsense"]}, "/allowed_cidrs/1"),
    ({"scopes": ["users:read"], "allowed_cidrs": ["fe80::1%eth0"]}, "/allowed_cidrs/0"),
    ({"scopes": ["users:read"], "allowed_cidrs": ["10.0.0.0/0.0.0.255"]}, "/allowed_cidrs/0"),
    ({"scopes": ["users:read"], "allowed_cidrs": ["10.0.0.0/255.255.255.0"]}, "/allowed_cidrs/0"),
    ({"scopes": ["users:read"], "allowed_cidrs": ["10.0.0.0/024"]}, "/allowed_cidrs/0"),
    ({"scopes": ["users:read"], "encrypt_to": "c2hvcnQ="}, "/encrypt_to"),
    ({"scopes": ["users:read"], "encrypt_to": "not base64"}, "/encrypt_to"),
    ({"scopes": ["users:read"], "encrypt_to": base64.b64encode(bytes(32)).decode()}, "/encrypt_to"),
    ({"scopes": ["users:read"], "tenant_id": str(uuid4())}, "/tenant_id"),
    ({"scopes": ["users:read"], "mode": "test"}, "/mode"),
]


@pytest.mark.parametrize(("body", "pointer"), FAULTS)
def test_issue__faulty_body__is_400_and_names_the_field(place: Place, body: dict[str, Any], pointer: str) -> None:
    answer = place.caller.post(place.path, body)

    assert answer.status_code == 400, answer.content
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


def test_issue__scope_that_the_issuer_lacks__is_403_and_names_it(place: Place, acme: Api) -> None:
    manages = Scope.KEYS_MANAGE if place.path.startswith("/api/settings") else Scope.PARTNER_KEYS
    narrow = key_with(place.caller, manages, Scope.USERS_READ)

    for scope in set(Scope) - {manages, Scope.USERS_READ}:
        answer = narrow.post(place.path, {"scopes": [scope]})
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_not_grantable")
        assert answer.json()["scope"] == scope
    assert narrow.post(place.path, {"scopes": ["users:read"]}).status_code == 201


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope.family == Scope.PARTNER])
def test_issue__scope_of_partners_for_a_customer__is_403(acme: Api, merchant: Api, scope: Scope) -> None:
    for api, path in [
        (merchant, "/api/settings/api-keys"),
        (acme, f"/api/partners/customers/{merchant.tenant_id}/api-keys"),
    ]:
        answer = api.post(path, {"scopes": ["full", scope]})
        assert (answer.status_code, answer.json()["code"], answer.json()["scope"]) == (
            403,
            "scope_not_grantable",
            scope,
        )


def test_issue__many_at_once__are_20_active_keys_and_403_beyond(place: Place, server: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        send = lambda _: server.send(place.caller, "POST", place.path, {"scopes": place.scopes})  # noqa: E731
        answers = list(pool.map(send, range(24)))

    refused = [answer.json() for answer in answers if answer.status_code == 403]
    assert len(refused) == 5
    assert {(problem["code"], problem["current"], problem["limit"], problem["upgrade_to"]) for problem in refused} == {
        ("api_key_limit_reached", 20, 20, None)
    }
    key = next(answer.json()["key"] for answer in answers if answer.status_code == 201)
    assert place.rotate(key).status_code == 201  # one active key for another
    assert place.caller.post(place.path, {"scopes": place.scopes}).status_code == 403
    successor = place.get(place.get(key["id"])["replaced_by"])
    assert place.revoke(successor).status_code == 200
    assert place.caller.post(place.path, {"scopes": place.scopes}).status_code == 201


def test_issue__for_a_suspended_customer__is_allowed_and_the_key_is_of_no_use(acme: Api, merchant: Api) -> None:
    acme.patch(f"/api/partners/customers/{merchant.tenant_id}", {"plan_status": "suspended"})

    answer = acme.post(f"/api/partners/customers/{merchant.tenant_id}/api-keys", {"scopes": ["full"]})

    assert answer.status_code == 201
    assert lets_in(Api(merchant.tenant_id, answer.json()["key"]["api_key"]))[0] == 403


METHODS = [
    ("GET", "", None),
    ("POST", "", {"scopes": ["users:read"]}),
    ("GET", "/{}", None),
    ("PATCH", "/{}", {"label": "Taken"}),
    ("DELETE", "/{}", None),
    ("POST", "/{}/rotate", {}),
    ("POST", "/revoke-all", {"reissue": True}),
]


@pytest.mark.parametrize(("method", "path", "body"), METHODS)
def test_any_method__on_what_is_another_s__is_the_404_of_what_is_nobody_s(  # noqa: PLR0917  # the cast
    acme: Api, rival: Api, merchant: Api, method: str, path: str, body: Any
) -> None:
    """Whoever the path names, and whoever's the key is."""
    other = rival.provision("other")
    ids = {name: id_of(api) for name, api in {"acme": acme, "merchant": merchant, "other": other}.items()}
    rows = "SELECT id, label, scopes, expires_at, revoked_at FROM tenants_apikey ORDER BY id"
    before = as_owner(rows)
    for customer in (merchant.tenant_id, acme.tenant_id, rival.tenant_id, uuid4()):
        for key in ids.values() if "{}" in path else [""]:
            answer = rival.send(method, f"/api/partners/customers/{customer}/api-keys{path.format(key)}", body)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    for api, place, key in [
        (rival, f"/api/partners/customers/{other.tenant_id}/api-keys", "merchant"),
        (rival, "/api/partners/api-keys", "other"),
        (rival, "/api/partners/api-keys", "acme"),
        (merchant, "/api/settings/api-keys", "acme"),
        (merchant, "/api/settings/api-keys", "other"),
    ]:
        if "{}" in path:
            answer = api.send(method, f"{place}{path.format(ids[key])}", body)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert as_owner(rows) == before


def test_label__changed__is_told_once_and_is_nothing_the_second_time(place: Place) -> None:
    key = place.issue()
    before = as_owner("SELECT count(*) FROM tenants_auditentry")[0][0]

    for _ in range(2):
        answer = place.caller.patch(f"{place.path}/{key['id']}", {"label": "Elsewhere"})
        assert answer.json()["key"]["label"] == "Elsewhere"

    assert as_owner("SELECT count(*) FROM tenants_auditentry")[0][0] == before + 1
    assert place.caller.patch(f"{place.path}/{key['id']}", {"scopes": ["full"]}).status_code == 400
