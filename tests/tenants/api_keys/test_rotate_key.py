from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenants.models import Scope
from tests.conftest import Api, Server
from tests.owner import as_owner
from tests.tenants.api_keys.places import Place, id_of, key_with, lets_in


def test_rotate__key__has_a_successor_and_goes_on_for_the_overlap(place: Place) -> None:
    key = place.issue(allowed_cidrs=["127.0.0.0/8"])
    answer = place.rotate(key, overlap_hours=720)

    assert answer.status_code == 201, answer.content
    successor, replaced = answer.json()["key"], answer.json()["replaced"]
    assert {name: successor[name] for name in ("label", "scopes", "allowed_cidrs", "status", "replaces")} == {
        **{name: key[name] for name in ("label", "scopes", "allowed_cidrs", "status")},
        "replaces": key["id"],
    }
    assert (replaced["status"], replaced["replaced_by"]) == ("expiring", successor["id"])
    left = datetime.fromisoformat(replaced["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=719) < left <= timedelta(hours=720)
    for used in (key, successor):
        assert lets_in(place.api(used)) == (403, "insufficient_scope")


def test_rotate__without_overlap__kills_the_key_by_the_next_request(place: Place) -> None:
    key = place.issue()
    answer = place.rotate(key, overlap_hours=0).json()

    assert lets_in(place.api(key)) == (401, "api_key_expired")
    assert lets_in(place.api(answer["key"])) == (403, "insufficient_scope")
    assert answer["replaced"]["status"] == "expired"


def test_rotate__key_that_expires_before_the_overlap_ends__does_not_live_longer(place: Place) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    key = place.issue(expires_at=soon)

    answer = place.rotate(key, overlap_hours=48, expires_at="2999-01-01T00:00:00Z").json()

    assert answer["replaced"]["expires_at"] == key["expires_at"]
    assert answer["key"]["expires_at"] == "2999-01-01T00:00:00.000000Z"


def test_rotate__many_at_once__is_one_201_and_409_that_name_the_successor(place: Place, server: Server) -> None:
    key = place.issue()
    path = f"{place.path}/{key['id']}/rotate"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: server.send(place.caller, "POST", path, {}), range(8)))

    (made,) = [answer.json()["key"] for answer in answers if answer.status_code == 201]
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert len(refused) == 7
    assert {(problem["code"], problem["replaced_by"]) for problem in refused} == {("already_rotated", made["id"])}


def test_rotate__key_that_is_revoked_or_expired__is_409(place: Place) -> None:
    revoked, expired = place.issue(), place.issue()
    place.revoke(revoked)
    as_owner("UPDATE tenants_apikey SET expires_at = now() WHERE id = %s", expired["id"])

    assert place.rotate(revoked).json()["code"] == "key_revoked"
    answer = place.rotate(expired)
    assert (answer.status_code, answer.json()["code"]) == (409, "key_expired")


def test_rotate__key_of_a_wider_scope__is_403(place: Place) -> None:
    """Whoever gets the successor's text may do what it may."""
    manages = Scope.KEYS_MANAGE if place.path.startswith("/api/settings") else Scope.PARTNER_KEYS
    answer = key_with(place.caller, manages).post(f"{place.path}/{place.issue()['id']}/rotate", {})

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_not_grantable")


@pytest.mark.parametrize("overlap", [0, 24])
def test_rotate__calling_key__answers_with_its_successor(acme: Api, overlap: int) -> None:
    answer = acme.post(f"/api/partners/api-keys/{id_of(acme)}/rotate", {"overlap_hours": overlap})

    assert answer.status_code == 201, answer.content
    assert lets_in(Api(acme.tenant_id, answer.json()["key"]["api_key"])) == (200, None)
    assert lets_in(acme) == ((200, None) if overlap else (401, "api_key_expired"))


@pytest.mark.parametrize("body", [{"overlap_hours": -1}, {"overlap_hours": 721}, {"overlap_hours": 1.5}, {"x": 1}])
def test_rotate__faulty_body__is_400_and_changes_nothing(place: Place, body: dict[str, Any]) -> None:
    key = place.issue()
    assert place.rotate(key, **body).status_code == 400
    assert place.get(key["id"])["status"] == "active"


def test_rotate__again_and_again__is_a_chain(place: Place) -> None:
    chain = [place.issue()]
    for _ in range(3):
        chain.append(place.rotate(chain[-1]).json()["key"])
    shown = [place.get(key["id"]) for key in chain]
    ids = [key["id"] for key in chain]
    assert [key["replaces"] for key in shown] == [None, *ids[:-1]]
    assert [key["replaced_by"] for key in shown] == [*ids[1:], None]
    assert [key["status"] for key in shown] == ["expiring"] * 3 + ["active"]
