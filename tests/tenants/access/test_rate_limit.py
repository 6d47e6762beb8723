import json
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db.models.functions import Now
from django.test import RequestFactory

from tenants.access import keys, rate_limit, shares
from tests.conftest import Api
from tests.owner import as_owner
from tests.tenants.access.test_authentication import change, issue

PATH = "/api/partners/stats"


@pytest.fixture(autouse=True)
def _fresh_counters() -> None:
    cache.clear()


def test_rate_limit__within_it__is_announced(acme: Api, settings: Any) -> None:
    settings.RATE_LIMIT, settings.TENANT_RATE_LIMIT = "5/3600", "7/3600"

    first, second = acme.get(PATH), acme.get(PATH)

    assert first.headers["RateLimit-Policy"] == '"tenant";q=7;w=3600, "key";q=5;w=3600'
    assert left(first) == [6, 4]
    assert left(second) == [5, 3]


def left(answer: Any) -> list[int]:
    """What is left of the tenant's and of the key's."""
    return [int(each.split(";")[1].removeprefix("r=")) for each in answer.headers["RateLimit"].split(", ")]


def test_rate_limit__of_a_key_spent__is_429_for_that_key_alone(acme: Api, rival: Api, settings: Any) -> None:
    settings.RATE_LIMIT, settings.TENANT_RATE_LIMIT = "2/3600", "9/3600"

    answers = [acme.get(PATH) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    problem = answers[2].json()
    assert (problem["code"], problem["detail"]) == ("rate_limited", "At most 2 requests in 3600 seconds with one key.")
    assert 0 < int(answers[2].headers["Retry-After"]) <= 3600
    assert left(answers[2]) == [7, 0]
    assert [api.get(PATH).status_code for api in (rival, issue(acme))] == [200, 200]


def test_rate_limit__of_a_tenant_spent__is_429_for_all_its_keys(acme: Api, rival: Api, settings: Any) -> None:
    settings.TENANT_RATE_LIMIT = "5/3600"
    second = issue(acme)

    answers = [api.get(PATH) for api in (acme, second) * 3]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].json()["detail"] == "At most 5 requests in 3600 seconds by one tenant."
    assert [left(answer)[0] for answer in answers] == [4, 3, 2, 1, 0, 0]
    assert rival.get(PATH).status_code == 200


def test_rate_limit__of_a_customer__is_what_its_partner_set(acme: Api, merchant: Api, monkeypatch: Any) -> None:
    monkeypatch.setattr("tenants.access.permits.KEPT_SECONDS", 0.0)
    path = f"/api/partners/customers/{merchant.tenant_id}"
    limit = {"requests": 2, "seconds": 3600}
    changed = acme.patch(path, {"rate_limit": limit})
    assert changed.status_code == 200, changed.content
    assert changed.json()["customer"]["rate_limit"] == limit
    assert acme.get(path).json()["customer"]["rate_limit"] == limit

    answers = [merchant.get("/api/settings") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"tenant";q=2;w=3600, "key";q=60000;w=60'

    assert acme.patch(path, {"rate_limit": None}).json()["customer"]["rate_limit"] is None
    assert merchant.get("/api/settings").status_code == 200


def test_rate_limit__above_the_installations__is_that_for_a_customer(
    acme: Api, merchant: Api, monkeypatch: Any
) -> None:
    monkeypatch.setattr("tenants.access.permits.KEPT_SECONDS", 0.0)
    more = {"requests": 10**9, "seconds": 60}
    for api in (merchant, acme):  # by staff, or before the installation's was lowered
        as_owner("UPDATE tenants_tenant SET rate_limit = %s WHERE id = %s", json.dumps(more), api.tenant_id)

    policies = [api.get("/api/me").headers["RateLimit-Policy"] for api in (merchant, acme)]

    assert policies == [f'"tenant";q={limit};w=60, "key";q=60000;w=60' for limit in (60_000, 10**9)]


def test_rate_limit__of_a_long_window__is_held_to_what_may_come_at_once(
    merchant: Api, monkeypatch: Any, settings: Any
) -> None:
    """100,000 in a day are few for each minute, and could all come in one."""
    monkeypatch.setattr("tenants.access.permits.KEPT_SECONDS", 0.0)
    day = json.dumps({"requests": 100_000, "seconds": 86_400})
    as_owner("UPDATE tenants_tenant SET rate_limit = %s WHERE id = %s", day, merchant.tenant_id)

    assert merchant.get("/api/me").headers["RateLimit-Policy"].startswith('"tenant";q=60000;w=60')
    settings.TENANT_RATE_LIMIT = "100000/60"
    assert merchant.get("/api/me").headers["RateLimit-Policy"].startswith('"tenant";q=100000;w=86400')


@pytest.mark.parametrize(
    ("limit", "fault"),
    [
        ({"requests": 60_000, "seconds": 60}, None),
        ({"requests": 60_000, "seconds": 86_400}, None),
        ({"requests": 1, "seconds": 1}, None),
        ({"requests": 60_001, "seconds": 86_400}, ("/rate_limit/requests", "above_installations_burst")),
        ({"requests": 60_000, "seconds": 59}, ("/rate_limit/seconds", "above_installations_rate")),
        ({"requests": 1001, "seconds": 1}, ("/rate_limit/seconds", "above_installations_rate")),
    ],
)
def test_rate_limit__that_is_set__is_not_above_the_installations(
    acme: Api, merchant: Api, limit: Any, fault: tuple[str, str] | None
) -> None:
    answer = acme.patch(f"/api/partners/customers/{merchant.tenant_id}", {"rate_limit": limit})

    assert answer.status_code == (200 if fault is None else 400), answer.content
    assert [(each["pointer"], each["code"]) for each in answer.json().get("errors", [])] == ([fault] if fault else [])


@pytest.mark.parametrize(
    ("sent", "pointer"),
    [
        ({"requests": 0, "seconds": 60}, "/rate_limit/requests"),
        ({"requests": 1.5, "seconds": 60}, "/rate_limit/requests"),
        ({"requests": 10**10, "seconds": 60}, "/rate_limit/requests"),
        ({"requests": 5, "seconds": 86_401}, "/rate_limit/seconds"),
        ({"requests": 5}, "/rate_limit/seconds"),
        ({"requests": 5, "seconds": 60, "burst": 3}, "/rate_limit/burst"),
        ("5/60", "/rate_limit"),
    ],
)
def test_rate_limit__that_is_none__is_refused(acme: Api, merchant: Api, sent: Any, pointer: str) -> None:
    answer = acme.patch(f"/api/partners/customers/{merchant.tenant_id}", {"rate_limit": sent})

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_rate_limit__of_a_request_that_is_handled_again__is_spent_once(acme: Api, settings: Any) -> None:
    """As a batch is that meets another with one of its keys."""
    settings.RATE_LIMIT = "2/3600"
    request, digest = RequestFactory().post("/api/track"), keys.digest(acme.key)

    assert [rate_limit.spend(request, digest, None)[1].remaining for _ in range(3)] == [1, 1, 1]
    assert rate_limit.spend(RequestFactory().post("/api/track"), digest, None)[1].remaining == 0


def test_rate_limit__what_the_key_may_not_do__counts(merchant: Api, settings: Any) -> None:
    settings.RATE_LIMIT = "2/3600"

    answers = [merchant.get(PATH) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [403, 403, 429]
    assert left(answers[0]) == [1, 1]


def test_rate_limit__with_a_key_that_was_revoked__costs_its_tenant_nothing(acme: Api, settings: Any) -> None:
    settings.RATE_LIMIT = "3/3600"
    revoked = issue(acme)
    assert revoked.get(PATH).status_code == 200
    with_revoked = keys.digest(revoked.key)
    change(revoked, revoked_at=Now())

    assert [revoked.get(PATH).status_code for _ in range(9)] == [401] * 9
    assert with_revoked not in shares._known
    assert acme.get(PATH).status_code == 200


def test_rate_limit__cache_that_does_not_answer__lets_requests_through(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    location = str(tmp_path / "a file" / "no folder")
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": location}
    }

    assert [quota.remaining for quota in rate_limit.spend_without_key("somewhere", (1, 3600))] == [1]
