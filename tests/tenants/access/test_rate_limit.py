from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import RequestFactory

from tenants.access import rate_limit
from tests.conftest import Api

PATH = "/api/partners/stats"


@pytest.fixture(autouse=True)
def _fresh_counters() -> None:
    cache.clear()


def test_rate_limit__within_it__is_announced(acme: Api, settings: Any) -> None:
    settings.RATE_LIMIT = "5/3600"

    first, second = acme.get(PATH), acme.get(PATH)

    assert first.headers["RateLimit-Policy"] == '"default";q=5;w=3600'
    assert first.headers["RateLimit"].startswith('"default";r=4;t=')
    assert second.headers["RateLimit"].startswith('"default";r=3;t=')


def test_rate_limit__spent__is_429_for_that_key_alone(acme: Api, rival: Api, settings: Any) -> None:
    settings.RATE_LIMIT = "2/3600"

    answers = [acme.get(PATH) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "rate_limited"
    assert 0 < int(answers[2].headers["Retry-After"]) <= 3600
    assert answers[2].headers["RateLimit"].startswith('"default";r=0;t=')
    assert rival.get(PATH).status_code == 200


def test_rate_limit__of_a_request_that_is_handled_again__is_spent_once(settings: Any) -> None:
    """As a batch is that meets another with one of its keys."""
    settings.RATE_LIMIT = "2/3600"
    request = RequestFactory().post("/api/track")

    assert [rate_limit.spend(request, "key").remaining for _ in range(3)] == [1, 1, 1]
    assert rate_limit.spend(RequestFactory().post("/api/track"), "key").remaining == 0


def test_rate_limit__what_the_key_may_not_do__counts(merchant: Api, settings: Any) -> None:
    settings.RATE_LIMIT = "2/3600"

    answers = [merchant.get(PATH) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [403, 403, 429]
    assert answers[0].headers["RateLimit"].startswith('"default";r=1;t=')


def test_rate_limit__cache_that_does_not_answer__lets_requests_through(
    acme: Api, settings: Any, tmp_path: Path
) -> None:
    (tmp_path / "a file").touch()
    location = str(tmp_path / "a file" / "no folder")
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": location}
    }
    settings.RATE_LIMIT = "1/3600"

    assert [acme.get(PATH).status_code for _ in range(3)] == [200, 200, 200]
