"""An integration's page tells what its revisions changed, field by field, and who has which."""

import re
from typing import Any

import pytest
from django.test import Client

from retivo.staff.pages import Table
from tests.conftest import Api
from tests.partners.rollouts.cast import INTEGRATIONS, TEMPLATES, publish, roll_out, work
from tests.tenants.staff.people import INTEGRATIONS as PAGES


def text(cell: object) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", str(cell)).split()).replace("&quot;", '"')


def rows(table: Table) -> list[list[str]]:
    return [[text(cell) for cell in row] for row in table.rows]


def tables(client: Client, integration: str) -> dict[str, Table]:
    answer = client.get(f"{PAGES}{integration}/change/")
    assert answer.status_code == 200
    return {table.title: table for table in answer.context["tables"]}


CHANGED = "What the newest 5 revisions changed"


@pytest.fixture
def integration(acme: Api) -> str:
    registered: str = acme.register(event_mappings=[{"from": "order.completed", "to": "bought"}])["id"]
    return registered


def test_page__of_an_integration_with_one_revision__compares_nothing(
    acme: Api, integration: str, viewer: Client
) -> None:
    shown = tables(viewer, integration)

    ((number, note, compatibility, customers, _),) = rows(shown["Revisions"])
    assert (number, note, compatibility, customers) == ("1, of new customers", "-", "First", "0")
    assert shown[CHANGED].rows == []


def test_page__of_a_revision__names_each_field_that_differs(acme: Api, integration: str, viewer: Client) -> None:
    first = {**TEMPLATES[0], "description": "At most <b>500</b>", "parameters_schema": {"amount": {"type": "integer"}}}
    card = {"name": "send_card", "delivery_webhook": "https://hooks.acme.example/cards"}
    mappings = [{"from": "order.completed", "to": "paid"}, {"from": "order.paid", "to": "paid"}]
    publish(acme, integration, action_type_templates=[first, card], event_mappings=mappings, note="Cards")

    answer = viewer.get(f"{PAGES}{integration}/change/")
    shown = {table.title: table for table in answer.context["tables"]}

    assert rows(shown["Revisions"])[0][:4] == ["2", "Cards", "Breaking", "0"]
    found = rows(shown[CHANGED])
    assert all(row[0] == "1 → 2" for row in found)
    assert ["1 → 2", "Action type", "send_card", "added", "-", "-"] in found
    assert ["1 → 2", "Action type", "send_voucher", "removed", "-", "-"] in found
    assert ["1 → 2", "Event mapping", "order.paid", "added", "-", "-"] in found
    assert ["1 → 2", "Event mapping", "order.completed", "to", '"bought"', '"paid"'] in found
    fields = {row[3]: (row[4], row[5]) for row in found if row[2] == "grant_points"}
    assert fields["description"][0] == f'"{TEMPLATES[0]["description"]}"'
    # Of a schema the members that differ, and not the whole of it.
    assert {name for name in fields if name != "description"} == {
        name for name in fields if name.startswith("parameters_schema/")
    }
    assert "&lt;b&gt;500" in answer.content.decode()
    assert "<b>500" not in answer.content.decode()


def test_page__of_many_revisions__compares_the_newest_and_counts_who_has_each(
    acme: Api, integration: str, viewer: Client
) -> None:
    acme.provision("one")
    acme.provision("two")
    for number in range(2, 9):
        publish(acme, integration, action_type_templates=[{**TEMPLATES[0], "description": f"Number {number}"}])
    roll_out(acme, integration, revision=8, to={"percent": 50})
    work(acme)

    shown = tables(viewer, integration)

    listed = rows(shown["Revisions"])
    assert [row[0] for row in listed] == ["8", "7", "6", "5", "4", "3", "2", "1, of new customers"]
    assert {row[0]: row[3] for row in listed if row[3] != "0"} == {"8": "1", "1, of new customers": "1"}
    assert [row[2] for row in listed] == ["Breaking"] * 5 + ["-"] * 3
    assert {row[0] for row in rows(shown[CHANGED])} == {f"1 → {number}" for number in range(4, 9)}


def test_page__of_a_revision__says_what_its_partner_is_told(acme: Api, integration: str, viewer: Client) -> None:
    changed: dict[str, Any] = {**TEMPLATES[0], "description": "Other"}
    publish(acme, integration, action_type_templates=[changed, *TEMPLATES[1:]])

    told = acme.get(f"{INTEGRATIONS}/{integration}/revisions/2").json()["revision"]
    shown = tables(viewer, integration)

    assert rows(shown["Revisions"])[0][2].lower() == told["compatibility"] == "compatible"
    ((_, _, name, field, before, after),) = rows(shown[CHANGED])
    (change,) = told["diff"]["action_types"]["changed"]
    assert (name, [field]) == (change["name"], list(change["fields"]))
    assert [before, after] == [f'"{change["fields"][field][each]}"' for each in ("from", "to")]
