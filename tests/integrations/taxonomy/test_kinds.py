"""The taxonomy's list, and the pages that show it."""

import re

import pytest

from integrations.models import KIND
from integrations.taxonomy.kinds import DOMAINS, KINDS, closest
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.no_database


def test_kinds__all__have_an_identifier_that_the_database_takes() -> None:
    assert len(KINDS) == sum(len(kinds) for kinds in DOMAINS.values())
    assert [identifier for identifier in KINDS if not re.search(KIND, identifier)] == []


def test_kinds__of_a_domain__share_no_name() -> None:
    for kinds in DOMAINS.values():
        names = [name for kind in kinds for name in (kind.name, *kind.names)]
        assert len(names) == len(set(names))


def test_kinds__all__are_defined_in_a_line() -> None:
    definitions = [kind.definition for kind in KINDS.values()]
    assert len(set(definitions)) == len(definitions)
    assert [line for line in definitions if not re.fullmatch(r"[A-Z].{10,110}\.", line)] == []


def test_kinds__on_the_page__are_the_list_itself() -> None:
    text = (REPOSITORY / "docs" / "action-kinds.md").read_text()

    assert dict(re.findall(r"^\| `(\w+/\w+)` \| (.+) \|$", text, re.MULTILINE)) == {
        identifier: kind.definition for identifier, kind in KINDS.items()
    }


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("loyalty/grant_point", "loyalty/grant_points"),
        ("Loyalty/Grant_Points", "loyalty/grant_points"),
        ("grant_points", "loyalty/grant_points"),
        ("loyalty.grant_points", "loyalty/grant_points"),
        ("gaming/send_pushes", "messaging/send_push"),
    ],
)
def test_closest__to_what_is_spelt_wrong__is_what_was_meant(text: str, kind: str) -> None:
    assert kind in closest(text)


@pytest.mark.parametrize("text", ["", "/", "§", "x" * 10_000])
def test_closest__to_nothing__is_nothing(text: str) -> None:
    assert closest(text) == []
