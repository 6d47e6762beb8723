import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from tenants.models import Scope
from tests.conftest import Api, Server
from tests.owner import as_owner
from tests.tenants.api_keys.places import Place, id_of, key_with, lets_in


def test_revoke__key__is_refused_from_now_on_and_for_good(place: Place) -> None:
    key = place.issue()
    answer = place.revoke(key)

    assert answer.status_code == 200
    assert answer.json()["key"]["status"] == "revoked"
    assert lets_in(place.api(key)) == (401, "api_key_revoked")
    assert place.revoke(key).json()["key"]["revoked_at"] == answer.json()["key"]["revoked_at"]


def test_revoke__key_that_was_rotated__leaves_its_successor(place: Place) -> None:
    key = place.issue()
    successor = place.rotate(key).json()["key"]
    assert place.revoke(key).json()["key"]["status"] == "revoked"
    assert lets_in(place.api(successor)) == (403, "insufficient_scope")


@pytest.mark.parametrize("path", ["/api/settings/api-keys", "/api/partners/api-keys"])
def test_revoke__calling_key__needs_to_be_confirmed(acme: Api, path: str) -> None:
    other = key_with(acme, Scope.FULL, Scope.PARTNER)
    for method, place, body in [("DELETE", f"/{id_of(other)}", None), ("POST", "/revoke-all", {"reissue": True})]:
        answer = other.send(method, f"{path}{place}", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "calling_key")
        assert other.send(method, f"{path}{place}?confirm=me", body).status_code == 400
    assert other.delete(f"{path}/{id_of(other)}?confirm=self").status_code == 200
    assert lets_in(other) == (401, "api_key_revoked")


@pytest.mark.parametrize(("method", "place", "done"), [("DELETE", "", 200), ("POST", "/rotate", 201)])
def test_two_keys__that_end_each_other_at_once__wait_in_no_circle_and_leave_one(
    acme: Api, server: Server, method: str, place: str, done: int
) -> None:
    """Neither was used before. Whatever the order, nobody is locked out."""
    body = {"overlap_hours": 0} if place else None
    for _ in range(5):
        one, other = (key_with(acme, Scope.FULL, Scope.PARTNER) for _ in range(2))
        calls = [(one, id_of(other)), (other, id_of(one))]
        with ThreadPoolExecutor(2) as pool:
            sent = [
                pool.submit(server.send, api, method, f"/api/partners/api-keys/{ended}{place}", body)
                for api, ended in calls
            ]
            statuses = sorted(each.result().status_code for each in sent)
        assert statuses in ([done, 401], [done, 409])
        assert sorted(lets_in(api)[0] for api in (one, other)) == [200, 401]


def test_revoke_all__keys__are_refused_and_one_new_key_has_all_of_their_scopes(acme: Api, merchant: Api) -> None:
    place = Place(
        f"/api/partners/customers/{merchant.tenant_id}/api-keys", acme, merchant, ("users:read", "users:write")
    )
    keys = [place.api(place.issue()), place.api(place.issue("events:write")), merchant]

    answer = acme.post(f"{place.path}/revoke-all", {"reissue": True})

    assert answer.status_code == 200, answer.content
    assert answer.json()["revoked"] == 3
    assert answer.json()["key"]["scopes"] == ["full"]  # which includes the others
    assert [lets_in(api) for api in keys] == [(401, "api_key_revoked")] * 3
    assert lets_in(Api(merchant.tenant_id, answer.json()["key"]["api_key"])) == (200, None)
    assert acme.post(f"{place.path}/revoke-all", {}).json() == {"revoked": 1, "key": None}
    entries = as_owner("SELECT count(*) FROM tenants_auditentry")
    assert acme.post(f"{place.path}/revoke-all", {}).json() == {"revoked": 0, "key": None}
    assert as_owner("SELECT count(*) FROM tenants_auditentry") == entries
    assert acme.post(f"{place.path}/revoke-all", {"reissue": True}).json()["key"]["scopes"] == ["full"]


@pytest.mark.parametrize("path", ["/api/settings/api-keys", "/api/partners/api-keys"])
def test_revoke_all__own_keys_with_a_new_one__changes_keys_at_once(acme: Api, path: str) -> None:
    answer = acme.post(f"{path}/revoke-all?confirm=self", {"reissue": True})

    assert answer.status_code == 200, answer.content
    new = Api(acme.tenant_id, answer.json()["key"]["api_key"])
    assert lets_in(acme) == (401, "api_key_revoked")
    assert new.get("/api/partners/customers").status_code == 200
    assert lets_in(new) == (200, None)


def test_change__by_a_key_that_was_revoked_since_the_request_began__is_401(acme: Api, server: Server) -> None:
    """A request in flight does not outlive the answer to a leak: it waits for the change, and then is refused."""
    acme.get("/api/settings")  # its use is noted, and so the request below holds no lock on the key
    with connections["owner"].cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            cursor.execute("SELECT FROM tenants_tenant WHERE id = %s FOR NO KEY UPDATE", [acme.tenant_id])
            with ThreadPoolExecutor(1) as pool:
                sent = pool.submit(server.send, acme, "POST", "/api/partners/api-keys", {"scopes": ["full"]})
                _until_somebody_waits()
                cursor.execute("UPDATE tenants_apikey SET revoked_at = clock_timestamp() WHERE id = %s", [id_of(acme)])
                cursor.execute("COMMIT")
                answer = sent.result()
        finally:
            cursor.execute("ROLLBACK")
    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_revoked")
    assert as_owner("SELECT count(*) FROM tenants_apikey") == [(1,)]


def _until_somebody_waits() -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    other = connections.create_connection("owner")
    try:
        for _ in range(600):
            with other.cursor() as cursor:
                cursor.execute(waiting)
                if cursor.fetchone()[0]:
                    return
            time.sleep(0.02)
    finally:
        other.close()
    raise AssertionError("nobody waits")
