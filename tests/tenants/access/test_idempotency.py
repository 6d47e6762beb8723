from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connection
from django.utils import timezone

from tenants.access import idempotency
from tenants.context import staff_context, tenant_context
from tenants.models import IdempotentAnswer, Scope
from tenants.services import issue_key
from tests import plain_http
from tests.conftest import Api, Server

PATH = "/api/partners/customers"


def provision(api: Api, key: str, slug: str = "merchant") -> Any:
    return api.post(PATH, {"name": "M", "slug": slug}, Idempotency_Key=key)


def test_replay__same_key_and_body__is_the_stored_answer(acme: Api) -> None:
    first, second = provision(acme, "k"), provision(acme, "k")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert acme.get(PATH).json()["total"] == 1


def test_replay__quoted_key__is_the_same_key(acme: Api) -> None:
    provision(acme, "k")

    assert provision(acme, '"k"').headers["Idempotency-Replayed"] == "true"


def test_replay__another_tenant__runs_the_request(acme: Api, rival: Api) -> None:
    provision(acme, "k")

    assert "Idempotency-Replayed" not in provision(rival, "k").headers


def test_replay__the_key_that_the_first_was_rotated_to__gets_the_answer(acme: Api) -> None:
    """However often it was rotated."""
    answer, key = provision(acme, "k"), acme
    for _ in range(2):
        own = key.get("/api/me").json()["key"]["id"]
        rotated = key.post(f"/api/partners/api-keys/{own}/rotate", {"overlap_hours": 1})
        assert rotated.status_code == 201, rotated.content
        key = Api(acme.tenant_id, rotated.json()["key"]["api_key"])

    assert provision(key, "k").content == answer.content


def test_replay__another_key_of_the_tenant__is_told_no_secret(acme: Api) -> None:
    """Though it may ask for the same: what was answered can hold a key with more scopes than its own."""
    asked = {"label": "all", "scopes": ["partner", "full"]}
    issued = acme.post("/api/partners/api-keys", asked, Idempotency_Key="k")
    with staff_context():
        other = issue_key(actor="test", tenant_id=acme.tenant_id, scopes=[Scope.PARTNER_KEYS])

    response = Api(acme.tenant_id, other.text).post("/api/partners/api-keys", asked, Idempotency_Key="k")

    assert issued.status_code == 201
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert issued.json()["key"]["api_key"] not in response.content.decode()


def test_reuse__other_body__is_422(acme: Api) -> None:
    provision(acme, "k")

    response = provision(acme, "k", slug="other")

    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")


def test_reuse__other_endpoint__is_422(acme: Api) -> None:
    provision(acme, "k")

    response = acme.post("/api/partners/integrations", {"name": "M", "slug": "merchant"}, Idempotency_Key="k")

    assert response.status_code == 422


def test_reuse__after_a_refusal__runs_anew(acme: Api) -> None:
    assert provision(acme, "k", slug="Not A Slug").status_code == 400

    assert provision(acme, "k").status_code == 201


def test_reuse__after_a_day__runs_anew(acme: Api) -> None:
    provision(acme, "k", slug="first")
    with staff_context():
        IdempotentAnswer.objects.update(created_at=timezone.now() - idempotency.KEPT_FOR - timedelta(seconds=1))

    response = provision(acme, "k", slug="second")

    assert response.status_code == 201
    assert response.json()["customer"]["slug"] == "second"


def test_store__answers_past_their_day__are_dropped(acme: Api) -> None:
    for number in range(3):
        provision(acme, f"old-{number}", slug=f"old-{number}")
    with staff_context():
        IdempotentAnswer.objects.update(created_at=timezone.now() - idempotency.KEPT_FOR)

    provision(acme, "new", slug="new")

    with staff_context():
        assert list(IdempotentAnswer.objects.values_list("key", flat=True)) == [idempotency.digest("new")]


def test_claim__while_another_request_runs__is_409(acme: Api, server: Server) -> None:
    with tenant_context(acme.tenant_id), connection.cursor() as cursor:
        cursor.execute(idempotency._LOCK, {"tenant_id": acme.tenant_id, "key": idempotency.digest("k")})
        answer = post(server, acme, "k")

    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_in_use")
    assert post(server, acme, "k").status_code == 201


def test_claim__thirty_in_parallel__does_the_work_once(acme: Api, server: Server) -> None:
    with ThreadPoolExecutor(30) as threads:
        answers = list(threads.map(lambda _: post(server, acme, "k"), range(30)))

    assert {answer.status_code for answer in answers} <= {201, 409}
    done = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.text for answer in done}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in done) == 1
    assert acme.get(PATH).json()["total"] == 1


@pytest.mark.parametrize("key", ["", "has space", "x" * 256, '""', "é", '"a","b"'])
def test_key__malformed__is_400(acme: Api, key: str) -> None:
    response = provision(acme, key)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_idempotency_key")


def test_key__on_a_get__is_ignored(acme: Api) -> None:
    assert acme.get(PATH, Idempotency_Key="has space").status_code == 200


def post(server: Server, api: Api, key: str) -> httpx.Response:
    return server.send(api, "POST", PATH, {"name": "M", "slug": "merchant"}, Idempotency_Key=key)


def test_key__sent_in_two_headers__is_400(server: Server, acme: Api) -> None:
    """Whichever of them would be taken, the client means another."""
    for keys in (["a", "b"], ["a", "a"], ['"a"', '"b"']):
        headers = [*acme.headers({}).items(), *(("Idempotency-Key", key) for key in keys)]
        body = {"name": "M", "slug": "merchant"}

        answer = plain_http.post(f"{server.url}{PATH}", json=body, headers=headers, timeout=60)

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    assert acme.get(PATH).json()["total"] == 0
