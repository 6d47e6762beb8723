"""Staff see which kind each action type of a partner has and how it was found, and give it another."""

import pytest
from django.test import Client

from integrations.models import ActionTypeTemplate
from tenants.context import staff_context
from tests.conftest import Api
from tests.owner import as_owner
from tests.partners.rollouts.cast import INTEGRATIONS, events

LIST = "/admin/integrations/actiontypetemplate/"


@pytest.fixture
def page(acme: Api) -> str:
    template = {"name": "grant_points", "delivery_webhook": "https://hooks.acme.example/points"}
    acme.register(domain="loyalty", action_type_templates=[template, {**template, "name": "x", "kind": None}])
    with staff_context():
        return f"{LIST}{ActionTypeTemplate.objects.get(name='grant_points').pk}/change/"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, {"grant_points", "x"}),
        ({"kind": "loyalty/grant_points"}, {"grant_points"}),
        ({"kind": "none"}, {"x"}),
        ({"kind": "gaming/start_quest"}, set()),
        ({"kind": "no/kind"}, {"grant_points", "x"}),
        ({"kind_source__exact": "declared"}, {"x"}),
        ({"q": "grant"}, {"grant_points"}),
    ],
)
def test_list__by_kind_and_how_it_was_found__has_those(
    page: str, viewer: Client, query: dict[str, str], names: set[str]
) -> None:
    shown = viewer.get(LIST, query).context["cl"].result_list

    assert {template.name for template in shown} == names


@pytest.mark.parametrize(("kind", "stored"), [("gaming/start_quest", "gaming/start_quest"), ("", None)])
def test_save__another_kind__declares_it_and_is_told(
    acme: Api, page: str, superuser: Client, kind: str, stored: str | None
) -> None:
    assert superuser.post(page, {"kind": kind}).status_code == 302

    found = "SELECT kind, kind_source FROM integrations_actiontypetemplate WHERE name = 'grant_points'"
    assert as_owner(found) == [(stored, "declared")]
    assert events(acme, "integration.")[1:] == ["integration.updated"]


def test_save__as_it_stands__declares_nothing(acme: Api, page: str, superuser: Client) -> None:
    assert superuser.post(page, {"kind": "loyalty/grant_points"}).status_code == 302

    assert as_owner("SELECT DISTINCT kind_source FROM integrations_actiontypetemplate WHERE name <> 'x'") == [
        ("proposed",)
    ]
    assert events(acme, "integration.")[1:] == []


def test_save__a_kind_that_is_none__is_refused(acme: Api, page: str, superuser: Client) -> None:
    answer = superuser.post(page, {"kind": "no/kind"})

    assert answer.status_code == 200
    assert "kind" in answer.context["adminform"].form.errors
    assert acme.get(INTEGRATIONS).json()["integrations"][0]["action_type_templates"][0]["kind_source"] == "proposed"


def test_save__by_who_only_looks__is_refused(page: str, viewer: Client) -> None:
    assert viewer.post(page, {"kind": "gaming/start_quest"}).status_code == 403


def test_save__of_a_deleted_integration__changes_nothing(acme: Api, page: str, superuser: Client) -> None:
    (integration,) = acme.get(INTEGRATIONS).json()["integrations"]
    acme.delete(f"{INTEGRATIONS}/{integration['id']}")

    superuser.post(page, {"kind": "gaming/start_quest"})

    assert as_owner("SELECT kind FROM integrations_actiontypetemplate WHERE name = 'grant_points'") == [
        ("loyalty/grant_points",)
    ]
