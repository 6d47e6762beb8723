"""Whoever finds a key revokes it, and learns nothing about keys by trying."""

from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from tenants import services
from tenants.access import keys
from tenants.context import staff_context
from tenants.leaks.views import REPORTS
from tenants.models import ApiKey, AuditEntry, Scope
from tests import plain_http
from tests.conftest import Api, Server

PATH = "/api/keys/report-leak"


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    cache.clear()


def report(text: Any, **headers: str) -> Any:
    return Client(headers=headers).post(PATH, {"key": text}, content_type="application/json")


def record_of(api: Api) -> ApiKey:
    with staff_context():
        return ApiKey.objects.get(digest=keys.digest(api.key))


def trail() -> list[AuditEntry]:
    with staff_context():
        return list(AuditEntry.objects.filter(action="api_key.leaked"))


def test_report__key_of_a_customer__is_revoked_and_its_partner_sees_why(acme: Api, merchant: Api) -> None:
    assert merchant.get("/api/settings").status_code == 200

    response = report(merchant.key)

    assert (response.status_code, response.json()) == (202, {"received": True})
    refused = merchant.get("/api/settings")
    assert (refused.status_code, refused.json()["code"]) == (401, "api_key_revoked")
    (key,) = acme.get(f"/api/partners/customers/{merchant.tenant_id}").json()["customer"]["api_keys"]
    assert key["revoked_reason"] == "leaked"
    assert key["revoked_at"] is not None
    (entry,) = trail()
    assert (entry.actor, entry.tenant_id, entry.address) == ("anonymous", merchant.tenant_id, "127.0.0.1")
    assert entry.detail == {"key_id": key["id"], "prefix": key["prefix"]}


def test_report__key_of_a_partner__is_revoked_and_its_other_keys_tell(acme: Api) -> None:
    with staff_context():
        other = services.issue_key(actor="test", tenant_id=acme.tenant_id, scopes=[Scope.FULL])

    assert report(f"  {acme.key}\n").status_code == 202

    assert acme.get("/api/partners/stats").status_code == 401
    told = Api(acme.tenant_id, other.text).get("/api/settings").json()["api_keys"]
    assert sorted((key["revoked_reason"] or "", key["revoked_at"] is None) for key in told) == [
        ("", True),
        ("leaked", False),
    ]


def test_report__key_that_was_revoked_before__changes_nothing(acme: Api) -> None:
    key_id = record_of(acme).id
    with staff_context():
        services.revoke_key(actor="test", key_id=key_id)
    before = record_of(acme)

    assert report(acme.key).status_code == 202

    after = record_of(acme)
    assert (after.revoked_at, after.revoked_reason) == (before.revoked_at, None)
    assert trail() == []


def test_report__sent_by_many_at_once__has_one_entry(acme: Api, server: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: plain_http.post(server.url + PATH, json={"key": acme.key}, timeout=60), range(8))
        )

    # A process gives reports a part of its threads.
    assert 202 in {answer.status_code for answer in answers} <= {202, 429}
    assert len(trail()) == 1


def test_report__of_keys_and_of_none__is_the_same_answer_and_the_same_work(
    acme: Api, merchant: Api, statements: list[str]
) -> None:
    unknown, malformed = keys.generate(), merchant.key[:-1] + "!"
    answers, sent = [], []
    for text in (merchant.key, merchant.key, unknown, malformed, "x"):
        statements.clear()
        response = report(text, X_Request_Id="same")
        answers.append((response.status_code, response.content, sorted(set(response.headers) - {"RateLimit"})))
        sent.append(list(statements))

    assert all(answer == answers[0] for answer in answers)
    assert all(each == sent[0] for each in sent)
    assert len(sent[0]) == 1
    assert acme.get("/api/partners/stats").status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/key", "required"),
        ({"key": None}, "/key", "null"),
        ({"key": 1}, "/key", "not_a_string"),
        ({"key": " "}, "/key", "blank"),
        ({"key": "x" * 201}, "/key", "max_length"),
        ({"key": "x", "more": 1}, "/more", "unknown_field"),
    ],
)
def test_report__malformed__names_the_field(body: Any, pointer: str, code: str) -> None:
    response = Client().post(PATH, body, content_type="application/json")

    assert response.status_code == 400
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [(pointer, code)]


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_report__other_methods__are_405(method: str) -> None:
    response = getattr(Client(), method)(PATH)

    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")


def test_report__more_than_a_minutes__is_429_for_that_address_alone(acme: Api, settings: Any) -> None:
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1")]
    for number in range(REPORTS):
        response = report("x", X_Forwarded_For=f"2001:db8::{number:x}")  # of one network
        assert response.status_code == 202

    refused = report(acme.key, X_Forwarded_For="2001:db8::ffff")

    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert "one address" in refused.json()["error"]
    assert record_of(acme).revoked_at is None
    assert report(acme.key, X_Forwarded_For="203.0.113.9").status_code == 202
    assert record_of(acme).revoked_reason == "leaked"


def test_report__done__is_seen_by_staff_and_found_by_the_filter(viewer: Client, acme: Api, merchant: Api) -> None:
    report(merchant.key)
    key = record_of(merchant)

    listed = viewer.get("/admin/tenants/apikey/?status=leaked").content.decode()
    page = viewer.get(f"/admin/tenants/apikey/{key.id}/change/").content.decode()

    assert key.prefix in listed
    assert record_of(acme).prefix not in listed
    assert "Leaked" in page
    assert "Reported as leaked" in page


def test_report__its_text__is_in_no_log(server: Server, acme: Api) -> None:
    plain_http.post(server.url + PATH, json={"key": acme.key})
    plain_http.post(server.url + PATH, json={"key": acme.key, acme.key: acme.key})

    assert acme.key not in server.log.read_text()
