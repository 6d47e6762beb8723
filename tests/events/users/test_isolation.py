"""What a tenant sees of another's users: nothing, by no endpoint."""

import re
from typing import Any

import pytest
from django.db import connection

from tenants.context import staff_context
from tenants.models import Scope
from tenants.services import issue_key
from tests.conftest import Api
from tests.events.users.people import USERS, get, path, save
from tests.tenants.test_isolated_rows import FILTER


def told(response: Any) -> tuple[int, dict[str, Any]]:
    """All that is said, but for the request's id."""
    body = response.json()
    body.pop("request_id")
    body.pop("instance")
    return response.status_code, body


@pytest.mark.parametrize("owner", ["partner", "sibling", "rival"])
def test_anothers_user__cannot_be_told_from_one_that_is_not(acme: Api, rival: Api, merchant: Api, owner: str) -> None:
    other = {"partner": lambda: acme, "sibling": lambda: acme.provision("other"), "rival": lambda: rival}[owner]()
    theirs = save(other, "theirs", name="Ada")

    assert told(merchant.get(path("theirs"))) == told(merchant.get(path("nobody")))
    assert told(merchant.patch(path("theirs"), {"name": "Eve"})) == told(merchant.patch(path("nobody"), {"name": "E"}))
    assert merchant.delete(path("theirs")).content == merchant.delete(path("nobody")).content
    assert merchant.get(USERS, {"search": "ada"}).json()["total"] == 0
    assert merchant.get(f"{USERS}/stats").json()["stats"]["total"] == 0
    assert get(other, "theirs") == theirs


def test_partner__with_full_access__sees_its_own_users_and_not_its_customers(acme: Api, merchant: Api) -> None:
    save(merchant, "theirs")
    save(acme, "ours")

    assert [user["id"] for user in acme.get(USERS).json()["customers"]] == ["ours"]
    assert acme.get(path("theirs")).status_code == 404


def test_same_id_in_two_tenants__are_two_users(merchant: Api, rival: Api) -> None:
    save(merchant, "u1", name="Ada")

    assert rival.post(USERS, {"user_id": "u1", "name": "Eve"}).status_code == 201
    assert (get(merchant, "u1")["name"], get(rival, "u1")["name"]) == ("Ada", "Eve")


@pytest.mark.parametrize("wanted", [USERS, f"{USERS}?search=t&limit=1", f"{USERS}?stage=new", f"{USERS}/stats"])
def test_answers__with_every_tenant_filter_taken_away__still_leak_nothing(
    merchant: Api, rival: Api, wanted: str
) -> None:
    for number in range(3):
        save(rival, f"theirs-{number}")
    save(merchant, "ten")
    removed: list[str] = []

    def without_filters(execute: Any, sql: str, *args: Any) -> Any:
        stripped = re.sub(FILTER, "true", sql)
        if stripped != sql:
            removed.append(sql)
        return execute(stripped, *args)

    with connection.execute_wrapper(without_filters):
        response = merchant.get(wanted)

    assert removed
    assert response.status_code == 200
    assert "theirs" not in response.content.decode()
    body = response.json()
    assert body.get("total", body.get("stats", {}).get("total")) == 1


def test_anothers_user__with_every_tenant_filter_taken_away__is_still_404(merchant: Api, rival: Api) -> None:
    save(rival, "theirs")

    def without_filters(execute: Any, sql: str, *args: Any) -> Any:
        return execute(re.sub(FILTER, "true", sql), *args)

    with connection.execute_wrapper(without_filters):
        assert merchant.get(path("theirs")).status_code == 404
        assert merchant.patch(path("theirs"), {}).status_code == 404
        merchant.delete(path("theirs"))
    assert get(rival, "theirs")["id"] == "theirs"


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        ("GET", USERS),
        ("POST", USERS),
        ("GET", f"{USERS}/stats"),
        ("GET", path("u1")),
        ("PATCH", path("u1")),
        ("DELETE", path("u1")),
    ],
)
def test_key__without_full_access__is_403_for_users_that_exist_and_that_do_not(
    acme: Api, method: str, wanted: str
) -> None:
    save(acme, "u1")
    with staff_context():
        key = issue_key(actor="test", tenant_id=acme.tenant_id, scopes=[Scope.PARTNER])

    response = Api(acme.tenant_id, key.text).send(method, wanted, {})

    assert (response.status_code, response.json()["code"]) == (403, "full_scope_required")
    assert get(acme, "u1")["id"] == "u1"
