import json
from datetime import timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models.functions import Now
from django.utils import timezone

from tenants import services
from tenants.access import keys
from tenants.context import staff_context
from tenants.models import ApiKey, AuditEntry, KeyMode, PlanStatus, Scope
from tests import plain_http
from tests.conftest import Api, Server
from tests.factories import ApiKeyFactory
from tests.owner import as_owner, owner_cursor

PATH = "/api/partners/stats"
NOBODY = UUID(int=0)


def issue(api: Api, **fields: Any) -> Api:
    return Api(api.tenant_id, ApiKeyFactory(tenant_id=api.tenant_id, **fields).text)


def change(api: Api, **fields: Any) -> None:
    with staff_context():
        ApiKey.objects.filter(digest=keys.digest(api.key)).update(**fields)


def assert_refused(response: Any, status: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic cnQ6", "rt_live_abc"])
def test_authentication__no_bearer_key__is_401(acme: Api, header: str) -> None:
    assert_refused(acme.get(PATH, Authorization=header), 401, "api_key_missing")


def test_authentication__mistyped_key__is_401_without_a_query(acme: Api, statements: list[str]) -> None:
    last = "A" if acme.key[-1] != "A" else "B"
    statements.clear()

    response = Api(acme.tenant_id, acme.key[:-1] + last).get(PATH)

    assert_refused(response, 401, "api_key_malformed")
    assert statements == []


def test_authentication__key_that_was_never_issued__is_401(acme: Api) -> None:
    assert_refused(Api(acme.tenant_id, keys.generate()).get(PATH), 401, "api_key_unknown")


def test_authentication__expired_key__is_401(acme: Api) -> None:
    change(acme, expires_at=timezone.now())

    assert_refused(acme.get(PATH), 401, "api_key_expired")


def test_authentication__key_before_its_expiry__is_200(acme: Api) -> None:
    change(acme, expires_at=timezone.now() + timedelta(hours=1))

    assert acme.get(PATH).status_code == 200


def test_authentication__revoked_key__is_401_and_stays_so(acme: Api) -> None:
    with staff_context():
        key = ApiKey.objects.get(digest=keys.digest(acme.key))
        services.revoke_key(actor="test", key_id=key.id)
        first = services.revoke_key(actor="test", key_id=key.id).revoked_at

    assert_refused(acme.get(PATH), 401, "api_key_revoked")
    with staff_context():
        assert ApiKey.objects.get(id=key.id).revoked_at == first


def test_authentication__suspended_tenant__is_403_until_active_again(acme: Api) -> None:
    with staff_context():
        services.set_plan_status(actor="test", tenant_id=acme.tenant_id, plan_status=PlanStatus.SUSPENDED)
    assert_refused(acme.get(PATH), 403, "suspended_by_staff")

    with staff_context():
        services.set_plan_status(actor="test", tenant_id=acme.tenant_id, plan_status=PlanStatus.ACTIVE)
    assert acme.get(PATH).status_code == 200


def test_permission__full_access_key_of_a_partner__is_403(acme: Api) -> None:
    assert_refused(issue(acme, scopes=[Scope.FULL]).get(PATH), 403, "partner_scope_required")


def test_permission__partner_key_of_a_customer__is_403(merchant: Api) -> None:
    """Of an earlier release, which issued such keys."""
    with owner_cursor() as owner:
        owner.execute("ALTER TABLE tenants_apikey DISABLE TRIGGER guard_api_key")
        try:
            owner.execute("UPDATE tenants_apikey SET scopes = '{partner}' WHERE tenant_id = %s", [merchant.tenant_id])
        finally:
            owner.execute("ALTER TABLE tenants_apikey ENABLE TRIGGER guard_api_key")
    assert_refused(merchant.get(PATH), 403, "tenant_not_partner")


def test_permission__provisioned_key__is_403(merchant: Api) -> None:
    assert_refused(merchant.get(PATH), 403, "partner_scope_required")


def test_authentication__test_key_of_an_earlier_release__is_401_and_meters_nothing(acme: Api, merchant: Api) -> None:
    text = keys.generate("test")
    with staff_context():
        ApiKey.objects.create(
            tenant_id=merchant.tenant_id,
            digest=keys.digest(text),
            prefix=keys.prefix(text),
            scopes=[Scope.FULL],
            mode=KeyMode.TEST,
            revoked_at=Now(),
        )
    test = Api(merchant.tenant_id, text)

    assert_refused(test.post("/api/track", {"events": [{"user_id": "u", "event": "e"}]}), 401, "api_key_test")
    assert_refused(test.post("/api/connectors/segment/v1/batch", {"userId": "u", "event": "e"}), 401, "api_key_test")

    usage = acme.get(f"/api/partners/customers/{merchant.tenant_id}").json()["customer"]["usage"]
    assert (usage["active_users"], usage["events"]) == (0, 0)


def test_issue_key__test_mode__is_refused(acme: Api) -> None:
    with pytest.raises(ValidationError, match="test tenant"):
        issue(acme, mode=KeyMode.TEST)


def last_used(api: Api) -> Any:
    with staff_context():
        return ApiKey.objects.get(digest=keys.digest(api.key)).last_used_at


# Methods, paths and bodies that a partner's key is refused, each for a reason of its own.
REFUSED: list[tuple[str, str, bytes, int]] = [
    ("GET", "/api/settings", b"", 403),
    ("GET", f"/api/partners/customers/{NOBODY}", b"", 404),
    ("GET", PATH + "?limit=0", b"", 400),
    ("POST", "/api/partners/customers", b"{", 400),
    ("POST", "/api/partners/customers", b'{"name": "M"}', 400),
    ("PATCH", f"/api/partners/customers/{NOBODY}", b"{}", 404),
    ("DELETE", PATH, b"", 405),
    ("TRACE", PATH, b"", 405),
]


def test_last_used_at__many_requests__is_written_once_a_minute(acme: Api) -> None:
    assert last_used(acme) is None
    acme.get(PATH)
    first = last_used(acme)
    acme.get(PATH)
    assert last_used(acme) == first

    change(acme, last_used_at=first - timedelta(minutes=2))
    acme.get(PATH)
    assert last_used(acme) > first


@pytest.mark.parametrize("refused", REFUSED)
def test_last_used_at__request_that_is_refused__is_written(
    acme: Api, statements: list[str], refused: tuple[str, str, bytes, int]
) -> None:
    method, path, body, status = refused
    partner = issue(acme)

    assert partner.send(method, path, body).status_code == status
    first = last_used(partner)
    assert first is not None

    # Once a minute: within it a refusal costs no further statement.
    statements.clear()
    assert partner.send(method, path, body).status_code == status
    assert len([sql for sql in statements if "authenticate_api_key" in sql]) == 1
    assert last_used(partner) == first


def test_last_used_at__rate_limit_used_up__is_written(acme: Api, settings: Any) -> None:
    settings.RATE_LIMIT = "0/60"
    assert_refused(acme.get(PATH), 429, "rate_limited")

    assert last_used(acme) is not None


# What makes a key one that is not let in: a change of its row, or of its tenant's.
NOT_LET_IN = {
    "api_key_revoked": "UPDATE tenants_apikey SET revoked_at = now() WHERE tenant_id = %s",
    "api_key_expired": "UPDATE tenants_apikey SET expires_at = now() WHERE tenant_id = %s",
    "address_not_allowed": "UPDATE tenants_apikey SET allowed_cidrs = '{192.0.2.0/24}' WHERE tenant_id = %s",
    "suspended_by_staff": "UPDATE tenants_tenant SET plan_status = 'suspended' WHERE id = %s",
    "tenant_deleting": "UPDATE tenants_tenant SET plan_status = 'deleting', delete_at = now() + '1 d' WHERE id = %s",
}


@pytest.mark.parametrize("code", NOT_LET_IN)
def test_use__of_a_key_that_is_not_let_in__is_neither_noted_nor_told(acme: Api, merchant: Api, code: str) -> None:
    used = "SELECT last_used_at, last_used_ip_prefix::text FROM tenants_apikey WHERE tenant_id = %s"
    told = "SELECT count(*) FROM tenants_partnerevent WHERE type = 'api_key.used_first' AND customer_id = %s"
    as_owner(NOT_LET_IN[code], merchant.tenant_id)

    for answer in (
        merchant.get("/api/me"),
        merchant.get(f"/api/customers/{NOBODY}"),
        merchant.post("/api/track", {"events": [{"user_id": "u1", "event": "opened"}]}),
    ):
        assert answer.json()["code"] == code
    assert as_owner(used, merchant.tenant_id) == [(None, None)]
    assert as_owner(told, merchant.tenant_id) == [(0,)]


def test_last_used_at__of_a_key_that_is_revoked__stays(acme: Api) -> None:
    key = issue(acme)
    key.get(PATH)
    change(key, last_used_at=timezone.now() - timedelta(hours=1))
    before = last_used(key)
    change(key, revoked_at=timezone.now())
    assert_refused(key.get(PATH), 401, "api_key_revoked")
    assert last_used(key) == before


def test_log_and_audit__of_a_request__have_the_keys_id_and_the_address(server: Server, acme: Api) -> None:
    before = len(server.log.read_text())
    body = {"name": "Merchant", "slug": "merchant"}
    revoked = issue(acme)
    change(revoked, revoked_at=timezone.now())

    assert server.send(acme, "POST", "/api/partners/customers", body).status_code == 201
    assert server.send(acme, "GET", f"/api/partners/customers/{NOBODY}").status_code == 404
    assert server.send(revoked, "GET", PATH).status_code == 401
    assert plain_http.get(server.url + PATH).status_code == 401

    lines = [json.loads(line) for line in server.log.read_text()[before:].splitlines()]
    requests = {line["status"]: line for line in lines if line["event"] == "request" and line["method"] == "POST"}
    told = [(line["status"], line.get("key_id"), line["address"]) for line in lines if line["event"] == "request"]
    first, second = acme.actor.removeprefix("api_key:"), revoked.actor.removeprefix("api_key:")
    assert requests[201]["tenant_id"] == str(acme.tenant_id)
    assert told == [
        (201, first, "127.0.0.1"),
        (404, first, "127.0.0.1"),
        (401, second, "127.0.0.1"),
        (401, None, "127.0.0.1"),
    ]
    actor = acme.actor
    with staff_context():
        entries = AuditEntry.objects.filter(action="customer.created")
        assert list(entries.values_list("actor", "address")) == [(actor, "127.0.0.1")]


@pytest.mark.parametrize("trusted", [False, True])
def test_audit__behind_a_trusted_proxy__has_the_address_that_it_tells(acme: Api, settings: Any, trusted: bool) -> None:
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.0/8")] if trusted else []
    forwarded = "198.51.100.7, 203.0.113.9"

    response = acme.post("/api/partners/customers", {"name": "M", "slug": "m-1"}, X_Forwarded_For=forwarded)

    assert response.status_code == 201
    with staff_context():
        addresses = AuditEntry.objects.exclude(actor="test").values_list("address", flat=True)
        assert set(addresses) == {"203.0.113.9" if trusted else "127.0.0.1"}


def test_key_text__after_use_and_misuse__is_in_no_table_log_or_repr(
    acme: Api, caplog: pytest.LogCaptureFixture
) -> None:
    response = acme.post("/api/partners/customers", {"name": "M", "slug": "merchant"}, Idempotency_Key="k1")
    text = response.json()["customer"]["api_key"]
    misplaced = acme.get("/api/partners/customers", {"slug": text}, Authorization=f"Token {text}")
    with staff_context():
        issued = services.issue_key(actor="test", tenant_id=acme.tenant_id, scopes=[Scope.FULL])

    assert issued.text not in repr(issued)
    assert text.encode() not in misplaced.content
    assert text not in caplog.text
    with owner_cursor() as cursor:
        for table in connections["owner"].introspection.table_names():
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE strpos(t::text, %s) > 0", [text[12:40]])
            assert cursor.fetchone()[0] == 0, table
