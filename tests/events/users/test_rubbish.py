"""What no honest client sends, over a real socket: each is a 4xx problem or a success, never a 5xx."""

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import plain_http
from tests.conftest import Api, Server
from tests.events.users.people import USERS, path, save

NAMES = ["user_id", "name", "email", "company", "role", "team_size", "locale", "traits", "opted_out", "id"]
PARAMETERS = [
    "limit",
    "cursor",
    "search",
    "stage",
    "lifecycle_stage",
    "risk",
    "opted_out",
    "health_min",
    "expansion_max",
]

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=4),
    max_leaves=15,
)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)

examples = settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def assert_answered(response: httpx.Response) -> None:
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json()["code"]


def send(server: Server, api: Api, method: str, wanted: str, **request: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"}
    return plain_http.request(method, server.url + wanted, headers=headers, timeout=60, **request)


@examples
@given(body=st.dictionaries(st.sampled_from(NAMES), _JSON) | _JSON, method=st.sampled_from(["POST", "PATCH"]))
def test_body__any_json__is_a_success_or_a_problem(merchant: Api, server: Server, body: Any, method: str) -> None:
    save(merchant, "u1")

    assert_answered(send(server, merchant, method, USERS if method == "POST" else path("u1"), content=json.dumps(body)))


@examples
@given(query=st.dictionaries(st.sampled_from(PARAMETERS), _TEXT, max_size=3))
def test_query__any_text__is_a_success_or_a_problem(merchant: Api, server: Server, query: dict[str, str]) -> None:
    assert_answered(send(server, merchant, "GET", USERS, params=query))


@examples
@given(user_id=_TEXT, method=st.sampled_from(["GET", "PATCH", "DELETE"]))
def test_path__any_text__is_a_success_or_a_problem(merchant: Api, server: Server, user_id: str, method: str) -> None:
    assert_answered(send(server, merchant, method, f"{USERS}/{quote(user_id, safe='')}", content="{}"))


@pytest.mark.parametrize("rubbish", ["%", "%zz", "%ff%fe", "%00", "%0d%0a", "a%00b", "?", "#", "%f0%9f"])
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_path__that_is_no_text__is_answered(merchant: Api, server: Server, rubbish: str, method: str) -> None:
    assert_answered(send(server, merchant, method, f"{USERS}/{rubbish}", content="{}"))


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "é"])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_content_type__other_than_json__is_415(merchant: Api, server: Server, content_type: str, method: str) -> None:
    save(merchant, "u1")
    headers = {b"Authorization": f"Bearer {merchant.key}".encode(), b"Content-Type": content_type.encode()}
    wanted = USERS if method == "POST" else path("u1")

    response = plain_http.request(method, server.url + wanted, headers=headers, content=b"name=x")

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
