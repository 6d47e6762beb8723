from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from tenants.access import keys
from tests.conftest import Api
from tests.owner import as_owner
from tests.tenants.api_keys.places import Place, lets_in

EVENTS = {"events": [{"user_id": "u1", "event": "opened"}]}


@pytest.fixture
def bound(merchant: Api, acme: Api) -> Any:
    place = Place("/api/settings/api-keys", merchant, merchant, ("full", "full"))
    return lambda *cidrs: place.api(place.issue("full", allowed_cidrs=list(cidrs)))


def ask(api: Api, address: str, forwarded: str = "", path: str = "/api/settings") -> Any:
    headers = api.headers({"X-Forwarded-For": forwarded} if forwarded else {})
    return Client(REMOTE_ADDR=address).get(path, headers=headers)


CASES = [
    (["203.0.113.0/24"], "203.0.113.7", True),
    (["203.0.113.0/24"], "203.0.114.7", False),
    (["203.0.113.7"], "203.0.113.7", True),
    (["203.0.113.7"], "203.0.113.8", False),
    (["10.0.0.0/8", "2001:db8::/32"], "2001:db8::1", True),
    (["10.0.0.0/8", "2001:db8::/32"], "2001:db9::1", False),
    (["::ffff:203.0.113.0/120"], "203.0.113.7", True),
    (["203.0.113.0/24"], "::ffff:203.0.113.7", True),
    (["0.0.0.0/0"], "2001:db8::1", False),
    (["203.0.113.0/24"], "", False),  # a Unix socket, whose client is not known
]


@pytest.mark.parametrize(("cidrs", "address", "is_allowed"), CASES)
def test_key__bound_to_networks__is_let_in_from_these_alone(
    bound: Any, cidrs: list[str], address: str, is_allowed: bool
) -> None:
    answer = ask(bound(*cidrs), address)

    if is_allowed:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "address_not_allowed")


def test_address__behind_a_trusted_proxy__is_the_clients(settings: Any, bound: Any) -> None:
    from ipaddress import ip_network

    settings.TRUSTED_PROXIES = [ip_network("127.0.0.0/8")]
    api = bound("203.0.113.0/24")

    assert ask(api, "127.0.0.1", "203.0.113.7").status_code == 200
    assert ask(api, "127.0.0.1", "203.0.113.7, 198.51.100.1").status_code == 403
    assert ask(api, "198.51.100.1", "203.0.113.7").status_code == 403  # whoever calls may write that


def test_batch__in_one_trip__is_refused_from_elsewhere_and_notes_where_it_came_from(bound: Any) -> None:
    api = bound("127.0.0.0/8")
    for _ in range(2):  # the second is a plain one
        assert api.post("/api/track", EVENTS).status_code == 200
    elsewhere = Client(REMOTE_ADDR="198.51.100.1")
    body, headers = b'{"events":[{"user_id":"u1","event":"opened"}]}', api.headers({})
    answer = elsewhere.post("/api/track", body, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "address_not_allowed")
    assert as_owner("SELECT count(*) FROM events_event") == [(2,)]

    as_owner("UPDATE tenants_apikey SET last_used_at = NULL, last_used_ip_prefix = NULL")
    assert api.post("/api/track", EVENTS).status_code == 200
    assert prefix_of(api) == "127.0.0.0/24"


def test_export__that_is_still_read_after_its_request__is_let_in_by_its_address(bound: Any) -> None:
    api = bound("127.0.0.0/8")
    api.post("/api/track", EVENTS)
    for path in ("/api/customers/u1/export", "/api/decisions/export"):
        answer = api.get(path)
        assert answer.status_code == 200
        assert b"address_not_allowed" not in answer.getvalue()


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2::7", "2001:db8:1::/48"),
        ("::ffff:203.0.113.7", "203.0.113.0/24"),
        ("", None),
    ],
)
def test_use__is_noted_with_its_network_by_one_statement(
    merchant: Api, address: str, prefix: str | None, statements: list[str]
) -> None:
    statements.clear()
    assert ask(merchant, address, path="/api/customers/stats").status_code == 200
    assert len([sql for sql in statements if "authenticate_api_key" in sql]) == 1
    assert not [sql for sql in statements if "last_used" in sql]
    assert prefix_of(merchant) == prefix
    (key,) = merchant.get("/api/settings").json()["api_keys"]
    assert key["last_used_ip_prefix"] == prefix


def prefix_of(api: Api) -> Any:
    return as_owner("SELECT last_used_ip_prefix::text FROM tenants_apikey WHERE digest = %s", keys.digest(api.key))[0][
        0
    ]


def test_key__without_networks__is_let_in_from_anywhere(merchant: Api) -> None:
    for address in ("203.0.113.7", "2001:db8::1", ""):
        assert ask(merchant, address).status_code == 200
    assert lets_in(merchant) == (200, None)
    assert isinstance(merchant.tenant_id, UUID)
