"""A partner keeps a key that manages its keys, whatever a change ends."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenants.models import Scope
from tests.conftest import Api
from tests.owner import as_owner
from tests.tenants.api_keys.places import id_of, key_with

PATHS = ["/api/settings/api-keys", "/api/partners/api-keys"]


def in_hours(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


def rotate(hours: float | None, overlap: int = 0) -> tuple[str, str, dict[str, Any]]:
    ends = {} if hours is None else {"expires_at": in_hours(hours)}
    return "POST", "/{id}/rotate", {"overlap_hours": overlap, **ends}


# Each way in which a key ends, and whether a partner may do that with the last key that manages its keys.
WAYS: dict[str, tuple[tuple[str, str, dict[str, Any] | None], bool]] = {
    "revoked": (("DELETE", "/{id}?confirm=self", None), False),
    "all revoked": (("POST", "/revoke-all?confirm=self", {}), False),
    "all reissued": (("POST", "/revoke-all?confirm=self", {"reissue": True}), True),
    "rotated, for an hour": (rotate(1), False),
    "rotated, for an hour, beside the key": (rotate(1, overlap=720), False),
    "rotated, for two days": (rotate(48), True),
    "rotated, for ever": (rotate(None), True),
}
LEFT = {
    "none": None,
    "one without the scope": (Scope.FULL, Scope.PARTNER_READ),
    "one that may do less": (Scope.PARTNER_KEYS, Scope.PARTNER_CUSTOMERS),
    "one for less than a day": (Scope.PARTNER,),
    "one for other networks": (Scope.PARTNER,),
    "one for other networks, used": (Scope.PARTNER,),
    "one for this network": (Scope.PARTNER,),
    "one that lasts": (Scope.PARTNER,),
}
LASTS = {"one for other networks, used", "one for this network", "one that lasts"}
ELSEWHERE, HERE = "{192.0.2.0/24}", "{127.0.0.0/8}"


def expire(api: Api, hours: float) -> None:
    as_owner("UPDATE tenants_apikey SET expires_at = %s WHERE id = %s", in_hours(hours), id_of(api))


def bind(api: Api, networks: str) -> None:
    as_owner("UPDATE tenants_apikey SET allowed_cidrs = %s WHERE id = %s", networks, id_of(api))


def count(table: str) -> Any:
    return as_owner(f"SELECT count(*) FROM {table}")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("left", LEFT)
def test_key_that_manages__ends__leaves_another_that_lasts(acme: Api, path: str, way: str, left: str) -> None:
    (method, place, body), may = WAYS[way]
    scopes = LEFT[left]
    if scopes is not None:
        other = key_with(acme, *scopes)
        if left == "one for less than a day":
            expire(other, 23)
        if left == "one for other networks, used":
            assert other.get("/api/me").status_code == 200
        if "network" in left:
            bind(other, HERE if left == "one for this network" else ELSEWHERE)
    acme.get("/api/me")  # its use is noted, and told
    before = count("tenants_auditentry"), count("tenants_partnerevent"), count("tenants_apikey")

    answer = acme.send(method, path + place.format(id=id_of(acme)), body)

    if may or (left in LASTS and way != "all revoked"):
        assert answer.status_code in (200, 201), answer.content
    else:
        assert (answer.status_code, answer.json()["code"]) == (409, "last_partner_key")
        assert (count("tenants_auditentry"), count("tenants_partnerevent"), count("tenants_apikey")) == before
        assert acme.get("/api/partners/api-keys").status_code == 200


@pytest.mark.parametrize(
    ("way", "may"),
    [("revoked", False), ("all revoked", False), ("all reissued", True), ("rotated, for an hour", False)],
)
def test_key_that_manages__ends_where_none_lasts__leaves_another_for_as_long(acme: Api, way: str, may: bool) -> None:
    (method, place, body), _ = WAYS[way]
    expire(acme, 2)

    answer = acme.send(method, "/api/partners/api-keys" + place.format(id=id_of(acme)), body)

    if may:
        assert answer.status_code == 200, answer.content
    else:
        assert (answer.status_code, answer.json()["code"]) == (409, "last_partner_key")


def test_rotate__last_key_that_manages_for_an_hour__to_one_for_as_long(acme: Api) -> None:
    expire(acme, 1)
    path = f"/api/partners/api-keys/{id_of(acme)}"
    ends_at = acme.get(path).json()["key"]["expires_at"]
    answer = acme.post(f"{path}/rotate", {"overlap_hours": 0, "expires_at": ends_at})
    assert answer.status_code == 201, answer.content


def test_revoke_all__by_a_key_that_ends_soon__does_not_end_one_that_lasts(acme: Api) -> None:
    """What is reissued would end with the caller."""
    soon = key_with(acme, Scope.FULL, Scope.PARTNER)
    expire(soon, 2)
    answer = soon.post("/api/partners/api-keys/revoke-all?confirm=self", {"reissue": True})
    assert (answer.status_code, answer.json()["code"]) == (409, "last_partner_key")
    assert acme.get("/api/partners/api-keys").status_code == 200


def test_revoke__key_that_has_expired__is_no_loss(acme: Api) -> None:
    caller = key_with(acme, Scope.FULL)
    expire(acme, -1)
    assert caller.delete(f"/api/settings/api-keys/{id_of(acme)}").status_code == 200


def test_revoke__last_key_of_a_customer__is_no_lockout(acme: Api, merchant: Api) -> None:
    path = f"/api/partners/customers/{merchant.tenant_id}/api-keys/{id_of(merchant)}"
    assert acme.delete(path).status_code == 200
