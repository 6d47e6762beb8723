"""What a tenant may fill freely is bounded in bytes, and so is a page of it."""

from typing import Any

import pytest

from retivo.api.pagination import MAX_BYTES
from tests.conftest import Api
from tests.owner import as_owner

LARGE = {"a": "x" * 65_536}
FITS = {"a": "x" * 65_000}

ACTION_TYPE = {
    "name": "a",
    "description": "d",
    "provider": "p",
    "parameters_schema": {},
    "delivery_webhook": "https://hooks.shop.example/",
}

DOORS: list[tuple[str, str, dict[str, Any], str]] = [
    ("POST", "/api/playbooks", {"name": "p"}, "strategy_hints"),
    ("POST", "/api/playbooks", {"name": "p"}, "entry_conditions"),
    ("POST", "/api/playbooks", {"name": "p"}, "exit_conditions"),
    ("POST", "/api/decisions/recommend", {"user_id": "u"}, "context"),
    ("POST", f"/api/external/actions/ea_{'0' * 32}/outcome", {"status": "completed"}, "result"),
    ("POST", "/api/external/action-types", ACTION_TYPE, "parameters_schema"),
    ("PATCH", "/api/settings", {}, "config"),
]


@pytest.mark.parametrize(("method", "path", "body", "field"), DOORS)
def test_free_object__above_64_kib__is_a_fault_of_the_field(
    merchant: Api, method: str, path: str, body: dict[str, Any], field: str
) -> None:
    response = merchant.send(method, path, {**body, field: LARGE})

    assert response.status_code == 400, response.content
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [(f"/{field}", "too_large")]
    assert "64 KiB" in response.json()["detail"]


def test_free_object__of_64_kib__is_taken(merchant: Api) -> None:
    assert merchant.post("/api/playbooks", {"name": "p", "strategy_hints": FITS}).status_code == 201


def walked(api: Api, path: str, key: str) -> list[list[str]]:
    """The ids on each page, up to the last."""
    pages, cursor = [], None
    while True:
        response = api.get(path, {"limit": 1000, **({"cursor": cursor} if cursor else {})})
        assert response.status_code == 200, response.content
        assert len(response.content) < 1.2 * MAX_BYTES
        body = response.json()
        pages.append([row["id"] for row in body[key]])
        assert body["total"] == TOTAL
        cursor = body["next_cursor"]
        if cursor is None:
            return pages


TOTAL = 150


def test_playbooks__larger_together_than_a_page__come_on_several(merchant: Api) -> None:
    as_owner(
        "INSERT INTO decisions_playbook (tenant_id, id, name, status, lifecycle_area, entry_conditions,"
        " exit_conditions, constraints, strategy_hints, created_at, status_changed_at)"
        " SELECT %s, gen_random_uuid(), 'p' || n, 'draft', 'retention', '{}', '{}', '{}',"
        " jsonb_build_object('a', repeat('x', 65000)), now() + n * interval '1 s', now() FROM generate_series(1, %s) n",
        merchant.tenant_id,
        TOTAL,
    )

    pages = walked(merchant, "/api/playbooks", "playbooks")

    assert [len(page) for page in pages] == [65, 65, 20]
    assert len({id for page in pages for id in page}) == TOTAL


def test_action_types__larger_together_than_a_page__come_on_several(merchant: Api) -> None:
    as_owner(
        "INSERT INTO integrations_actiontype (tenant_id, name, provider, domain, description, parameters_schema,"
        " delivery_webhook, encrypted_webhook_secret, active)"
        " SELECT %s, 'a' || n, 'p', '', 'd', jsonb_build_object('description', repeat('x', 65000)),"
        " 'https://hooks.shop.example/', '\\x00', true FROM generate_series(1, %s) n",
        merchant.tenant_id,
        TOTAL,
    )

    pages = walked(merchant, "/api/external/action-types", "action_types")

    assert len(pages) == 3
    assert len({id for page in pages for id in page}) == TOTAL


def test_integrations__larger_together_than_a_page__come_on_several(acme: Api) -> None:
    as_owner(
        "INSERT INTO integrations_partnerintegration (tenant_id, id, provider, display_name, domain, event_mappings,"
        " encrypted_webhook_secret, active) SELECT %s, gen_random_uuid(), 'p' || n, 'P', '', '[]', '\\x00', true"
        " FROM generate_series(1, %s) n",
        acme.tenant_id,
        TOTAL,
    )
    as_owner(
        "INSERT INTO integrations_actiontypetemplate (tenant_id, id, integration_id, position, name, description,"
        " parameters_schema, delivery_webhook) SELECT tenant_id, gen_random_uuid(), id, 0, 'a', 'd',"
        " jsonb_build_object('description', repeat('x', 65000)), 'https://hooks.acme.example/'"
        " FROM integrations_partnerintegration"
    )

    pages = walked(acme, "/api/partners/integrations", "integrations")
    whole = acme.get("/api/partners/integrations").json()

    assert len(pages) == 3
    assert len({id for page in pages for id in page}) == TOTAL
    assert [row["id"] for row in whole["integrations"]] == pages[0]
    assert whole["next_cursor"]


def test_event_mappings__above_64_kib_together__are_a_fault_of_the_field(acme: Api) -> None:
    mappings = [{"from": f"{n}", "to": "x" * 200} for n in range(400)]

    response = acme.post(
        "/api/partners/integrations", {"provider": "p", "display_name": "P", "event_mappings": mappings}
    )

    assert response.status_code == 400
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [
        ("/event_mappings", "too_large")
    ]


def test_page__one_row_above_the_bound__is_there_alone(merchant: Api) -> None:
    """As one could be stored before there was a bound."""
    for name in ("p1", "p2"):
        assert merchant.post("/api/playbooks", {"name": name}).status_code == 201
    as_owner("UPDATE decisions_playbook SET strategy_hints = jsonb_build_object('a', repeat('x', 5000000))")

    first = merchant.get("/api/playbooks").json()
    second = merchant.get("/api/playbooks", {"cursor": first["next_cursor"]}).json()

    assert [[row["name"] for row in page["playbooks"]] for page in (first, second)] == [["p1"], ["p2"]]
    assert (first["total"], second["next_cursor"]) == (2, None)
