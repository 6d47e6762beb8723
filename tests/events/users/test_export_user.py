"""The export of a user: all that erasure deletes, row by row as the owner of the tables sees it."""

import json
from typing import Any

import pytest
from django.db import connections

from events.users import exporting
from events.users.kept import tables
from tests.conftest import Api
from tests.events.users.people import path, save, track
from tests.events.users.test_erase_user import EMAIL, ID, NAME, live, traces
from tests.owner import as_owner
from tests.retivo.api.test_openapi import OPERATIONS, assert_conforms


@pytest.fixture
def shop(acme: Api) -> Api:
    acme.register(event_mappings=[{"from": "order.completed", "to": "purchase", "properties": {"email": "by"}}])
    return acme.provision("shop")


def export(api: Api, user_id: str) -> dict[str, Any]:
    response = api.get(f"{path(user_id)}/export")
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    found: dict[str, Any] = json.loads(response.getvalue())
    content = OPERATIONS["exportUser"]["responses"]["200"]["content"]["application/json"]
    assert_conforms(found, content["schema"])
    return found


def stored(api: Api, user_id: str) -> dict[str, list[dict[str, Any]]]:
    """What the tables hold of a user, by the name in an export."""
    found = {}
    for table in tables():
        rows = as_owner(
            f"SELECT to_jsonb(t)::text FROM {table.table} t WHERE t.tenant_id = %(tenant_id)s AND {table.of_user}",
            tenant_id=api.tenant_id,
            user_id=user_id,
        )
        dropped = {"tenant_id", *table.without}
        found[table.name] = [
            {name: value for name, value in json.loads(row).items() if name not in dropped} for (row,) in rows
        ]
    return found


def in_any_order(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def test_export__after_a_whole_life__has_each_row_of_each_table(shop: Api) -> None:
    live(shop)
    save(shop, "other", name="Somebody else")

    found = export(shop, ID)

    expected = stored(shop, ID)
    assert found["user_id"] == ID
    assert [found.pop("user")] == expected.pop("user")
    # What was answered is kept encrypted, and given as it was answered.
    answers, kept = found.pop("idempotent_answers"), expected.pop("idempotent_answers")
    assert len(answers) == len(kept) >= 2
    assert NAME in json.dumps(answers)
    for name, rows in expected.items():
        assert in_any_order(found[name]) == in_any_order(rows), name
    filled = {name for name, rows in expected.items() if rows}
    assert {"events", "monthly_activity", "rejected_events", "stage_changes", "decisions", "actions"} <= filled
    assert {"attempts", "interventions", "remembered_decisions"} <= filled
    assert "Somebody else" not in json.dumps(found)


def test_export__names_every_table_in_which_the_user_stands(shop: Api) -> None:
    live(shop)
    found = export(shop, ID)
    of_table = {table.table: found[table.name] for table in tables()}

    for table in traces(ID, EMAIL, NAME):
        whole = table.rstrip("_0123456789")
        text = json.dumps(of_table[whole], ensure_ascii=False)
        assert any(needle in text for needle in (ID, EMAIL, NAME)), table


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_export__in_batches_of_any_size__has_each_row_once(
    shop: Api, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(exporting, "BATCH", size)
    for _ in range(3):
        track(shop, *({"user_id": ID, "event": f"e{number}"} for number in range(2)))
    as_owner(
        "INSERT INTO events_event (tenant_id, timestamp, user_id, name, source, properties, retention_days, month)"
        " SELECT %s, now(), %s, 'before', 'track', '{}', class, '2026-01-01' FROM unnest(ARRAY[30, 90]) class",
        shop.tenant_id,
        ID,
    )

    names = [event["name"] for event in export(shop, ID)["events"]]

    assert sorted(names) == sorted(["e0", "e1"] * 3 + ["before"] * 2)


def test_export__of_much__is_read_in_bits_of_four_mebibytes(shop: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        track(shop, *({"user_id": ID, "event": "e", "properties": {"x": "y" * 60_000}} for _ in range(15)))
    for _ in range(2):
        as_owner("INSERT INTO events_event SELECT * FROM events_event")  # 180 rows, 11 MB

    response = shop.get(f"{path(ID)}/export")
    pieces = list(response.streaming_content)

    assert max(map(len, pieces)) < 5 * 2**20
    assert len(json.loads(b"".join(pieces))["events"]) == 180


def test_export__of_rows_that_are_long_when_written_out__writes_out_what_a_bit_needs(shop: Api) -> None:
    """All 512 rows, 1.4 GB as JSON, would take far longer than a statement may; ten of them take a moment."""
    track(shop, {"user_id": ID, "event": "e"})
    numbers = "(SELECT jsonb_agg(1e-300) FROM generate_series(1, 9000))"  # as releases before took them
    as_owner(f"UPDATE events_event SET properties = jsonb_build_object('a', {numbers})")
    for _ in range(9):
        as_owner("INSERT INTO events_event SELECT * FROM events_event")

    pieces = shop.get(f"{path(ID)}/export").streaming_content

    assert next(piece for piece in pieces if len(piece) > 2**20).count(b'"name": "e"') == 10


def test_export__of_nobody__is_not_found(shop: Api, rival: Api) -> None:
    save(shop, ID)

    assert shop.get(f"{path('nobody')}/export").status_code == 404
    assert rival.get(f"{path(ID)}/export").status_code == 404


def test_export__after_erasure__is_not_found(shop: Api) -> None:
    live(shop)
    shop.delete(path(ID))

    assert shop.get(f"{path(ID)}/export").status_code == 404


def test_export__of_one_whose_events_were_all_rejected__has_what_is_known_of_them(shop: Api) -> None:
    shop.post("/api/track", {"events": [{"user_id": ID, "event": "e", "timestamp": "never"}]})

    found = export(shop, ID)

    assert found["user"] is None
    assert [row["code"] for row in found["rejected_events"]] == ["invalid_timestamp"]


@pytest.mark.parametrize("user_id", ["a/b", "50%", "ü ☃", "x\n", "export", '"', "\\"])
def test_export__an_id_of_any_characters__is_exported(shop: Api, user_id: str) -> None:
    save(shop, user_id)

    assert export(shop, user_id)["user"]["user_id"] == user_id


def test_path__of_a_user_whose_id_ends_like_the_exports__is_theirs_but_for_reading(shop: Api) -> None:
    save(shop, "ada")
    save(shop, "ada/export")

    assert shop.patch(path("ada/export"), {"role": "owner"}).json()["customer"]["id"] == "ada/export"
    assert export(shop, "ada/export")["user"]["role"] == "owner"
    assert shop.delete(path("ada/export")).status_code == 200
    assert shop.get(path("ada")).status_code == 200


def test_export__holds_no_transaction_while_it_is_read(shop: Api) -> None:
    live(shop)
    response = shop.get(f"{path(ID)}/export")

    for piece in response.streaming_content:
        assert not connections["default"].in_atomic_block, piece


def test_erase__empties_what_is_exported(shop: Api) -> None:
    live(shop)
    shop.delete(path(ID))

    assert {name: rows for name, rows in stored(shop, ID).items() if rows} == {}
