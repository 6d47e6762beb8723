"""A key issues none that is less bound than itself: in when it ends, and in where it is let in from."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from tenants.models import Scope
from tests.conftest import Api
from tests.owner import as_owner
from tests.tenants.api_keys.places import Place, id_of, key_with
from tests.tenants.api_keys.test_guard import insert

FAMILIES = ("partner", "full")
HOUR = timedelta(hours=1)
NETWORKS = ["127.0.0.0/8", "::1/128", "10.0.0.0/8"]
REFUSED = {"expires_at": "expiry_not_grantable", "allowed_cidrs": "networks_not_grantable"}


def later(hours: float) -> str:
    return (datetime.now(UTC) + hours * HOUR).isoformat()


def bound(place: Place, **bounds: Any) -> Place:
    """The place, as a caller sees it whose key is bound."""
    as_owner("ALTER TABLE tenants_apikey DISABLE TRIGGER guard_api_key")
    for name, value in bounds.items():
        cast = "::cidr[]" if name == "allowed_cidrs" else ""
        as_owner(f"UPDATE tenants_apikey SET {name} = %s{cast} WHERE id = %s", value, id_of(place.caller))
    as_owner("ALTER TABLE tenants_apikey ENABLE TRIGGER guard_api_key")
    return place


@pytest.mark.parametrize(
    ("bounds", "field", "good", "bad"),
    [
        ({"expires_at": later(1)}, "expires_at", [later(0.5)], [None, later(2), "2999-01-01T00:00:00Z"]),
        (
            {"allowed_cidrs": NETWORKS},
            "allowed_cidrs",
            [["10.1.0.0/16"], ["10.0.0.0/8", "127.0.0.1"], ["::1"]],
            [None, ["0.0.0.0/0"], ["10.1.0.0/16", "11.0.0.0/8"], ["::/0"], ["8.0.0.0/5"]],
        ),
    ],
)
def test_issue__by_a_bound_key__is_no_less_bound(
    place: Place, bounds: dict[str, Any], field: str, good: list[Any], bad: list[Any]
) -> None:
    caller = bound(place, **bounds).caller
    for value in bad:
        body = {"scopes": place.scopes, **({} if value is None else {field: value})}
        answer = caller.post(place.path, body)
        assert (answer.status_code, answer.json()["code"]) == (403, REFUSED[field])
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{field}"]
    for value in good:
        assert place.issue(**{field: value})[field]


@pytest.mark.parametrize("overlap", [0, 24])
def test_rotate__itself__makes_no_permanent_key_of_one_that_expires(acme: Api, overlap: int) -> None:
    place = bound(Place("/api/partners/api-keys", acme, acme, FAMILIES), expires_at=later(1))
    own = {"id": id_of(acme)}
    key_with(acme, Scope.PARTNER)  # or what ends sooner could not take the place of the last one

    for expires_at in ({}, {"expires_at": later(2)}):
        answer = place.rotate(own, overlap_hours=overlap, **expires_at)
        assert (answer.status_code, answer.json()["code"]) == (403, "expiry_not_grantable")
    assert place.rotate(own, overlap_hours=overlap, expires_at=later(0.5)).status_code == 201


def test_issue__by_a_key_that_was_rotated__ends_with_the_overlap(acme: Api) -> None:
    """Or whoever has the old text would keep a way in."""
    place = Place("/api/partners/api-keys", acme, acme, ("partner:read", "users:read"))
    assert place.rotate({"id": id_of(acme)}, overlap_hours=1).status_code == 201

    assert acme.post(place.path, {"scopes": ["partner:read"]}).json()["code"] == "expiry_not_grantable"
    assert place.issue(expires_at=later(0.5))


def test_rotate__key_that_may_be_used_anywhere__is_refused_to_one_that_may_not(place: Place) -> None:
    anywhere, near = place.issue(), place.issue(allowed_cidrs=["10.1.0.0/16"])
    bound(place, allowed_cidrs=NETWORKS)

    answer = place.rotate(anywhere)
    assert (answer.status_code, answer.json()["code"]) == (403, "networks_not_grantable")
    assert place.rotate(near).json()["key"]["allowed_cidrs"] == ["10.1.0.0/16"]


def test_revoke_all__with_a_new_key__is_bound_as_those_before_and_as_its_issuer(acme: Api, merchant: Api) -> None:
    place = Place(f"/api/partners/customers/{merchant.tenant_id}/api-keys", acme, merchant, ("full", "full"))

    def reissued() -> Any:
        return acme.post(f"{place.path}/revoke-all", {"reissue": True}).json()

    assert (reissued()["key"]["allowed_cidrs"], reissued()["key"]["expires_at"]) == (None, None)
    acme.post(f"{place.path}/revoke-all", {})
    place.issue(allowed_cidrs=["10.1.0.0/16"])
    place.issue(allowed_cidrs=["10.2.0.0/16", "10.1.0.0/16"])
    assert reissued()["key"]["allowed_cidrs"] == ["10.1.0.0/16", "10.2.0.0/16"]
    place.issue()
    assert reissued()["key"]["allowed_cidrs"] is None
    bound(place, allowed_cidrs=NETWORKS, expires_at=later(1))
    new = reissued()["key"]
    assert new["allowed_cidrs"] == ["127.0.0.0/8", "::1/128", "10.0.0.0/8"]
    assert new["expires_at"] == acme.get(f"/api/partners/api-keys/{id_of(acme)}").json()["key"]["expires_at"]


@pytest.mark.parametrize(
    ("bounds", "constraint"), [({"expires_at": later(1)}, "outlives"), ({"allowed_cidrs": NETWORKS}, "networks")]
)
def test_insert__less_bound_than_its_issuer__is_refused_in_the_database(
    acme: Api, merchant: Api, bounds: dict[str, Any], constraint: str
) -> None:
    bound(Place("/api/partners/api-keys", acme, acme, FAMILIES), **bounds)
    for tenant in (acme, merchant):
        with pytest.raises(IntegrityError, match=constraint):
            insert(acme.tenant_id, tenant.tenant_id, id_of(acme), "full")


def test_provision__by_a_bound_key__makes_a_customer_whose_first_key_is_not(acme: Api) -> None:
    bound(Place("/api/partners/api-keys", acme, acme, FAMILIES), expires_at=later(1), allowed_cidrs=NETWORKS)
    answer = acme.post("/api/partners/customers", {"name": "New", "slug": "new"})
    assert answer.status_code == 201, answer.content


def test_rotate__again_and_again__makes_no_more_than_20_that_go_on(place: Place) -> None:
    key = place.issue()
    for _ in range(20):
        answer = place.rotate(key)
        assert answer.status_code == 201, answer.content
        key = answer.json()["key"]

    refused = place.rotate(key)
    assert (refused.status_code, refused.json()["code"]) == (403, "api_key_limit_reached")
    assert (refused.json()["current"], refused.json()["limit"]) == (20, 20)
    assert place.rotate(key, overlap_hours=0).status_code == 201
