"""What is no export of ours, or says more than was hashed, ends in a sentence, and never passes."""

import json
from pathlib import Path
from typing import Any

import pytest

from tenants.audit import checkpoints
from tests.conftest import Api
from tests.tenants.audit.lines import export, verify
from tests.tenants.audit.test_verify import signed

DEEP = b"[" * 100_000


@pytest.fixture
def lines(acme: Api, merchant: Api) -> list[str]:
    """Two entries of the partner and two about its customer."""
    checkpoints.sign_heads()
    return export(acme).splitlines()


CHANGES: list[tuple[int, dict[str, Any]]] = [
    (1, {"note": "approved by CEO"}),
    (1, {"target": {}}),
    (1, {"target": {"type": None, "id": None}}),
    (2, {"target": {"type": "api_key", "id": "x", "note": ""}}),
    (1, {"target": []}),
    (1, {"actor": None}),
    (1, {"actor": {"type": "system", "id": None}}),
    (1, {"actor": {"type": "system", "id": None, "label": {"note": "approved"}}}),
    (1, {"customer": {}}),
    (1, {"customer": {"tenant_id": None, "external_id": "shop-1"}}),
    (1, {"customer": [1]}),
    (1, {"customer": "x"}),
    (1, {"redacted": 0}),
    (1, {"redacted": None}),
    (1, {"seq": None}),
    (1, {"seq": "one"}),
    (1, {"seq": []}),
    (1, {"id": "\ud800"}),
    (1, {"hash": None}),
    (1, {"previous_hash": 5}),
]


def test_entry__with_members_that_are_in_no_hash_or_of_another_form__is_named(lines: list[str], tmp_path: Path) -> None:
    for number, change in CHANGES:
        changed = json.dumps({**json.loads(lines[number - 1]), **change})

        code, said = verify(tmp_path, "\n".join([*lines[: number - 1], changed, *lines[number:]]))

        assert (code, said.count("\n")) == (1, 1), (change, said)
        assert said.startswith(("TAMPERED: audit.ndjson, line ", "TAMPERED: Entry ")), (change, said)


def test_entry__whose_actor_is_divided_in_another_way__is_refused(lines: list[str], tmp_path: Path) -> None:
    """The hash is of both parts with a colon between them."""
    number = next(n for n, line in enumerate(lines) if json.loads(line)["actor"]["id"])
    entry = json.loads(lines[number])
    entry["actor"] |= {"type": f"{entry['actor']['type']}:{entry['actor']['id']}", "id": None}
    lines[number] = json.dumps(entry)

    code, said = verify(tmp_path, "\n".join(lines))

    assert (code, f"TAMPERED: audit.ndjson, line {number + 1}: " in said) == (1, True), said


LINES = [
    b'{"changes": [{"field": "EVIL"}], %s',
    b'{"actor": {"type": "staff", "type": "system", "id": null, "label": null}, %s',
    b"{\xff %s",
    b"\xef\xbb\xbf{%s",
    b"",
    b"5",
    b"null",
    b"[]",
    b"[{}]",
    DEEP,
    b'{"a":' * 100_000,
]


def test_line__that_is_no_entry_or_has_a_member_twice__is_named(lines: list[str], tmp_path: Path) -> None:
    first, second, *others = (each.encode() for each in lines)
    for line in LINES:
        sent = line.replace(b"%s", second[1:])

        code, said = verify(tmp_path, b"\n".join([first, sent, *others]))

        assert (code, said.count("\n")) == (1, 1), (line[:30], said)
        assert said.startswith("TAMPERED: audit.ndjson, line 2: no entry, "), (line[:30], said)


CHECKPOINTS: list[dict[str, Any]] = [
    {"jws": 5},
    {"jws": "a.b.c"},
    {"jws": "W10.W10.W10"},  # of `[]`
    {"jws": None},
    {"seq": None},
    {"seq": True},
    {"note": None},
    {"type": "audit_checkpoint"},
    {"tenant_id": "x"},
]


def test_checkpoint__of_another_form__is_named(acme: Api, lines: list[str], tmp_path: Path) -> None:
    genuine = signed(acme)
    for change in CHECKPOINTS:
        answers = json.loads(json.dumps(genuine))
        answers["checkpoints"]["checkpoints"][0] |= change

        code, said = verify(tmp_path, "\n".join(lines), **answers)

        assert (code, said.count("\n")) == (1, 1), (change, said)
        assert said.startswith("TAMPERED: checkpoints.json, checkpoints[0]: the checkpoint "), (change, said)


ANSWERS: list[tuple[dict[str, Any], int, str]] = [
    ({"checkpoints": {"checkpoints": [{}]}}, 1, "TAMPERED: checkpoints.json, checkpoints[0]: "),
    ({"checkpoints": {"checkpoints": [1]}}, 2, "checkpoints.json has no `checkpoints`"),
    ({"checkpoints": {"checkpoints": None}}, 2, "checkpoints.json has no `checkpoints`"),
    ({"checkpoints": {"checkpoints": {"a": 1}}}, 2, "checkpoints.json has no `checkpoints`"),
    ({"checkpoints": [1]}, 2, "checkpoints.json has no `checkpoints`"),
    ({"checkpoints": [{}]}, 2, "checkpoints.json has no `checkpoints`"),
    ({"checkpoints": None}, 2, "checkpoints.json has no `checkpoints`"),
    ({"checkpoints": {"a": 1}}, 2, "checkpoints.json has no `checkpoints`"),
    ({"checkpoints": b"\xff"}, 2, "checkpoints.json has no `checkpoints`"),
    ({"checkpoints": b'{"checkpoints": [], "checkpoints": []}'}, 2, "checkpoints.json has no `checkpoints`"),
    ({"checkpoints": DEEP}, 2, "checkpoints.json has no `checkpoints`"),
    ({"keys": {"keys": [1]}}, 2, "keys.json has no `keys`"),
    ({"keys": DEEP}, 2, "keys.json has no `keys`"),
    ({"keys": {"keys": [{}]}}, 1, "TAMPERED: checkpoints.json, checkpoints[0]: "),
    ({"keys": {"keys": []}}, 1, "TAMPERED: checkpoints.json, checkpoints[0]: "),
]


def test_answer__of_another_form__is_named(acme: Api, lines: list[str], tmp_path: Path) -> None:
    genuine = signed(acme)
    for answers, code, named in ANSWERS:
        found, said = verify(tmp_path, "\n".join(lines), **genuine | answers)

        assert (found, named in said, "Traceback" in said) == (code, True, False), said


def test_keys__with_one_twice__are_good(acme: Api, lines: list[str], tmp_path: Path) -> None:
    answers = json.loads(json.dumps(signed(acme)))
    answers["keys"]["keys"] *= 2

    code, said = verify(tmp_path, "\n".join(lines), **answers)

    assert (code, "1 of 1 checkpoints are met" in said) == (0, True), said
