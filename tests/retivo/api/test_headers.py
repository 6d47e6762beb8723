"""Which headers an answer of the API has, whichever operation gives it and whatever it is."""

from typing import Any

import pytest
from django.test import Client

from retivo.sight.middleware import FIRST
from tenants.context import staff_context
from tenants.models import ApiKey
from tests.conftest import Api
from tests.retivo.api.test_any_operation import PATH_VALUES, operations
from tests.retivo.api.test_openapi import SCHEMA

ON_ALL = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
ON_NONE = ("Set-Cookie", "Vary", "Access-Control-Allow-Origin", "Server")
METHODS = ("get", "post", "put", "patch", "delete")


def assert_headers(response: Any, about: str) -> None:
    assert {name: response.get(name) for name in ON_ALL} == ON_ALL, about
    assert not [name for name in ON_NONE if name in response], about
    assert response["X-Request-Id"], about
    assert response.streaming or response["Content-Length"] == str(len(response.content)), about


def allowed(path: str) -> set[str]:
    """As openapi.yaml has them, and OPTIONS."""
    found = {
        method.upper()
        for template, item in SCHEMA["paths"].items()
        if template.format(**PATH_VALUES) == path
        for method in item
        if method in METHODS
    }
    return found | {"OPTIONS"}


def test_answer__to_a_caller__has_the_headers_of_all_and_those_of_the_key(acme: Api) -> None:
    for method, path, operation in operations(*METHODS):
        if "security" in operation:
            response = acme.send(method, path, b"{}")
            assert_headers(response, f"{method} {path}")
            assert {"RateLimit", "RateLimit-Policy"} <= set(response.headers), path
            assert allowed(path) <= set(response["Allow"].split(", ")), path


def test_answer__without_a_key_or_of_another_method__has_the_headers_of_all(acme: Api) -> None:
    for method, path, operation in operations(*METHODS):
        if "security" in operation:
            assert_headers(Client().generic(method, path), f"{method} {path}")
            refused = acme.send("TRACE", path, b"")
            assert refused.status_code == 405, path
            assert_headers(refused, f"TRACE {path}")


def test_options_and_head__of_any_operation__are_answered(acme: Api) -> None:
    for _, path, operation in operations("get"):
        if "security" in operation and "connectors" not in path:
            options, head = acme.send("OPTIONS", path, b""), acme.send("HEAD", path, b"")
            assert options.json()["parses"] == ["application/json"], path
            assert_headers(options, f"OPTIONS {path}")
            assert head.status_code == acme.send("GET", path, b"").status_code, path


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/customers", 403), ("/api/nothing", 403), ("/api/docs", 403), ("/nothing", 301), ("/admin/login/", 301)],
)
def test_request__of_any_chain__is_held_to_https_and_to_known_hosts(settings: Any, path: str, status: int) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 60

    assert Client().get(path).status_code == status
    assert Client().get(path, secure=True)["Strict-Transport-Security"].startswith("max-age=60")
    assert Client().get(path, secure=True, headers={"Host": "evil.example"}).status_code == 400


def test_plain_http__to_the_api__is_a_problem_and_does_nothing(settings: Any, acme: Api) -> None:
    settings.SECURE_SSL_REDIRECT = True

    for method, path, _ in operations(*METHODS):
        if path not in FIRST:
            response = Client().generic(method, path, b"{}", headers={"Authorization": f"Bearer {acme.key}"})
            assert (response.status_code, response["Content-Type"]) == (403, "application/problem+json"), path
            assert response.json()["code"] == "https_required", path
            assert "Location" not in response, path
    with staff_context():
        assert ApiKey.objects.get().last_used_at is None


def test_path__that_the_api_has_not__is_a_problem_that_cannot_be_framed() -> None:
    response = Client().get("/api/nothing")

    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
    assert response["X-Frame-Options"] == "DENY"
