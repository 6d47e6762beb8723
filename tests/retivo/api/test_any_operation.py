"""What holds for every operation of the API alike, asked of each that openapi.yaml has."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from delivery.outcomes import tokens
from tests.conftest import Api
from tests.events.users.people import get, save
from tests.retivo.api.test_openapi import SCHEMA
from tests.sizes import size

PATH_VALUES = {
    **dict.fromkeys(
        ["customerId", "integrationId", "playbookId", "keyId", "endpointId"], "00000000-0000-0000-0000-000000000000"
    ),
    "recoveryId": f"rec_{'0' * 32}",
    "certificationId": f"cert_{'0' * 32}",
    "rolloutId": f"ro_{'0' * 32}",
    "number": 1,
    "actionTypeId": f"at_{'0' * 32}",
    "actionId": f"ea_{'0' * 32}",
    "interventionId": f"int_{'0' * 32}",
    "decisionId": f"dec_{'0' * 32}",
    "userId": "nobody",
    "deletionId": f"del_{'0' * 32}",
    "webhookId": f"wh_{'0' * 32}",
    "token": tokens.make(
        tenant_id=UUID(int=0), action_id=f"ea_{'0' * 32}", expires_at=datetime(2100, 1, 1, tzinfo=UTC)
    ),
    "kind": "track",
    "endpoint": "track",
}
NUL = "\\u0000"


def operations(*methods: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in SCHEMA["paths"].items():
        for method, operation in item.items():
            if method in methods:
                yield method.upper(), path.format(**PATH_VALUES), operation


def assert_problem(response: Any, about: str) -> None:
    assert 400 <= response.status_code < 500, about
    assert response["Content-Type"] == "application/problem+json", about
    assert response.json()["request_id"] == response["X-Request-Id"], about
    assert len(response.content) < 200_000, about


@pytest.mark.parametrize(
    "body",
    [
        b'{"user_id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" * 100_000,
        b'{"user_id": "\xff"}',
        b'{"user_id": "\\ud800"',
        f'{{"user_id": "{NUL}", "name": "{NUL}"'.encode(),
        b'"text"',
        b"{",
        b'{"user_id": 1e999}x',
    ],
    ids=["deep", "open", "no utf-8", "half a pair", "nul", "text", "cut", "more"],
)
def test_body__that_cannot_be_read__is_a_problem(acme: Api, body: bytes) -> None:
    for method, path, operation in operations("post", "put", "patch"):
        if "requestBody" in operation and "connectors" not in path:
            assert_problem(acme.send(method, path, body), f"{method} {path}")


def test_body__with_faults_by_the_thousand__is_answered_in_brief(acme: Api) -> None:
    body = {f"member_{number}": number for number in range(size(5_000, whole=20_000))} | {"x" * 100_000: 1}

    for method, path, operation in operations("post", "put", "patch"):
        if "requestBody" in operation and "connectors" not in path:
            assert_problem(acme.send(method, path, body), f"{method} {path}")
    errors = acme.post("/api/playbooks", body).json()["errors"]
    assert len(errors) == 100


def test_body__of_a_media_type_that_is_none_of_ours__is_415(acme: Api) -> None:
    for method, path, operation in operations("post", "put", "patch"):
        if "requestBody" in operation:
            response = Client(raise_request_exception=False).generic(
                method, path, b"<a/>", content_type="application/xml", headers={"Authorization": f"Bearer {acme.key}"}
            )
            assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type"), path


def test_query_parameter__that_is_there_twice__is_refused_by_name(acme: Api) -> None:
    for _, path, operation in operations("get"):
        for name in (each["name"] for each in operation.get("parameters", []) if each["in"] == "query"):
            if "connectors" not in path:
                response = acme.send("GET", f"{path}?{name}=1&{name}=1", b"")
                assert response.status_code == 400, f"{path} {name}"
                assert {"repeated_parameter"} == {error["code"] for error in response.json()["errors"]}
                assert [f"/{name}"] == [error["pointer"] for error in response.json()["errors"]]


def test_request__without_a_key__is_401_and_says_how(acme: Api) -> None:
    for method, path, operation in operations("get", "post", "put", "patch", "delete"):
        if "security" in operation:
            response = Client().generic(method, path)
            assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer"), f"{method} {path}"


def test_answer__of_any_operation__is_kept_by_nobody(acme: Api) -> None:
    for method, path, operation in operations("get"):
        if "security" in operation:
            assert acme.send(method, path, b"")["Cache-Control"] == "no-store", path


def test_path__with_a_trailing_slash__is_404_and_changes_nothing(acme: Api) -> None:
    """Above all where an id may hold slashes: the request would seem to be answered for somebody else."""
    save(acme, "nobody")
    # Vendors' SDKs send their events to paths with a slash.
    sent = [each for each in operations("get", "post", "put", "patch", "delete") if "connectors" not in each[1]]
    assert len(sent) > 40

    for method, path, _ in sent:
        assert_problem(response := acme.send(method, f"{path}/", {}), f"{method} {path}/")
        assert response.status_code == 404, f"{method} {path}/"
    assert get(acme, "nobody")["id"] == "nobody"
