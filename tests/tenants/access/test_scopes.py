"""Each operation wants the scope that it names, and nothing else will do: a matrix made of the API's description."""

from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from tenants import services
from tenants.access.view import TenantView
from tenants.context import staff_context
from tenants.models import Scope
from tests.conftest import Api
from tests.retivo.api.test_any_operation import PATH_VALUES
from tests.retivo.api.test_openapi import SCHEMA

_SCOPED = [
    (method, path, operation["security"][0]["bearerAuth"][0])
    for path, operations in SCHEMA["paths"].items()
    for method, operation in operations.items()
    if "security" in operation and operation["security"] != [{"bearerAuth": []}]  # any key may ask who it is
]
# A partner's own switches are its fleet's: tests/partners/switches.
_OF_FLEETS = {"/api/settings/kill-switch", "/api/settings/shadow-mode"}
_IDS = [f"{method} {path}" for method, path, _ in _SCOPED]


def _key(api: Api, *scopes: Scope) -> Api:
    with staff_context():
        return Api(api.tenant_id, services.issue_key(actor="test", tenant_id=api.tenant_id, scopes=scopes).text)


def _send(api: Api, method: str, path: str) -> Any:
    answer = api.send(method.upper(), path.format(**PATH_VALUES), b"{}")
    return answer.status_code, {} if answer.status_code < 400 else answer.json()


@pytest.mark.parametrize(("method", "path", "scope"), _SCOPED, ids=_IDS)
def test_operation__key_without_its_scope__is_refused_and_told_which(
    acme: Api, method: str, path: str, scope: str
) -> None:
    others = [other for other in Scope if Scope(scope) not in other.included]
    family = [other for other in others if other.family is Scope(scope).family]

    status, problem = _send(_key(acme, *others), method, path)
    assert (status, problem["code"], problem["required_scope"]) == (403, "insufficient_scope", scope)

    status, problem = _send(_key(acme, *set(others) - set(family)), method, path)
    assert (status, problem["code"]) == (403, f"{Scope(scope).family}_scope_required")


@pytest.mark.parametrize(("method", "path", "scope"), _SCOPED, ids=_IDS)
def test_operation__key_with_its_scope_or_all_of_its_family__is_let_in(
    acme: Api, method: str, path: str, scope: str
) -> None:
    also = [Scope.PARTNER_SWITCHES] if path in _OF_FLEETS else []
    for held in (Scope(scope), Scope(scope).family):
        status, problem = _send(_key(acme, held, *also), method, path)

        assert status not in (401, 405, 503)
        assert "required_scope" not in problem


@pytest.mark.no_database
def test_scopes__full__never_contains_a_partners() -> None:
    assert not {scope for scope in Scope.FULL.included if scope.startswith("partner")}
    assert {scope for scope in Scope.PARTNER.included if not scope.startswith("partner")} == set()
    assert Scope.FULL.included | Scope.PARTNER.included == set(Scope)


@pytest.mark.no_database
def test_view__every_handler_of_the_api__declares_a_scope() -> None:
    """Also of paths that the description leaves out: aliases that vendors' SDKs use."""
    handlers = [
        (str(pattern.pattern), handler)
        for pattern in _patterns(get_resolver())
        if issubclass(getattr(pattern.callback, "cls", object), TenantView)
        for handler in _handlers(pattern)
    ]

    assert len(handlers) > 40
    # Any key may ask who it is.
    assert [place for place, handler in handlers if getattr(handler, "scope", None) is None] == ["api/me"]


def _handlers(pattern: URLPattern) -> list[Any]:
    view: Any = getattr(pattern.callback, "cls", None)
    actions: dict[str, str] = getattr(pattern.callback, "actions", {})
    names = actions.values() or (name for name in view.http_method_names if name != "options")
    return [getattr(view, name) for name in names if hasattr(view, name)]


def _patterns(resolver: URLResolver) -> list[URLPattern]:
    found: list[URLPattern] = []
    for entry in resolver.url_patterns:
        found += _patterns(entry) if isinstance(entry, URLResolver) else [entry]
    return found
