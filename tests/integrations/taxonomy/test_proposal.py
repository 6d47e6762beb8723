"""What name and description propose: right on descriptions that it was not built with, and never more than a guess."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.taxonomy.kinds import DOMAINS, KINDS
from integrations.taxonomy.proposal import propose
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.no_database

# By somebody who knew the list of kinds, and nothing of how they are proposed. None of them was used to build it.
DESCRIPTIONS: list[dict[str, Any]] = json.loads(
    (REPOSITORY / "tests" / "integrations" / "taxonomy" / "descriptions.json").read_text()
)


def _proposed(found: dict[str, Any]) -> str | None:
    return propose(domain=found["domain"], name=found["name"], description=found["description"])


def test_propose__for_descriptions_that_did_not_build_it__is_right_for_nine_in_ten() -> None:
    wrong = [(each["name"], each["kind"], _proposed(each)) for each in DESCRIPTIONS if _proposed(each) != each["kind"]]

    assert len(DESCRIPTIONS) == 100
    assert len(wrong) <= 10, wrong
    assert sum(proposed is not None for *_, proposed in wrong) <= 3, wrong  # a wrong kind is worse than none


def test_descriptions__all__are_of_the_domains_and_of_none_as_well() -> None:
    kinds = Counter(each["kind"] for each in DESCRIPTIONS)

    assert {kind.partition("/")[0] for kind in kinds if kind} == {*DOMAINS}
    assert kinds.keys() <= {*KINDS, None}
    assert kinds[None] >= 10


@pytest.mark.parametrize("kind", KINDS)
def test_propose__for_a_name_that_a_kind_goes_by__is_that_kind(kind: str) -> None:
    domain, name = kind.split("/")

    for other in (name, *KINDS[kind].names):
        assert propose(domain=domain, name=other, description="") == kind


TEXT = st.text(max_size=2_000)
SOME_WORDS = " ".join(kind.says for kind in KINDS.values()).lower().split()
PHRASE = st.lists(st.sampled_from(SOME_WORDS), max_size=40)


@given(TEXT, TEXT, TEXT)
def test_propose__for_whatever_texts__is_a_kind_or_none(domain: str, name: str, description: str) -> None:
    assert propose(domain=domain, name=name, description=description) in {*KINDS, None}


@given(st.sampled_from(sorted(DOMAINS)), PHRASE, PHRASE, st.randoms())
def test_propose__for_the_same_words__is_the_same(domain: str, name: list[str], text: list[str], random: Any) -> None:
    expected = propose(domain=domain, name=" ".join(name), description=" ".join(text)[:500])

    other = " ".join(text)[:500].split()
    random.shuffle(other)
    for joined in ("_".join(name), "-".join(name), " ".join(name).upper()):
        assert propose(domain=domain.title(), name=joined, description=" ".join(other).title()) == expected


@pytest.mark.parametrize(
    "name", ["grant_points", "grantPoints", "grant-points", "GRANT_POINTS", "Grant points", "points"]
)
def test_propose__however_the_name_is_written__is_the_kind(name: str) -> None:
    described = propose(domain="loyalty", name=name, description="Adds points to the member's balance.")

    assert described == "loyalty/grant_points"


@pytest.mark.parametrize(
    ("name", "description", "kind"),
    [
        ("grant_points", "Schreibt dem Mitglied Punkte gut.", "loyalty/grant_points"),
        ("aktion_7", "Schreibt dem Mitglied Punkte gut.", None),
        ("アクション", "会員にポイントを付与します", None),
        ("aktion_7", "", None),
    ],
)
def test_propose__for_another_language__goes_by_the_name(name: str, description: str, kind: str | None) -> None:
    assert propose(domain="loyalty", name=name, description=description) == kind


def test_propose__for_an_integration_of_another_domain__goes_by_what_it_says() -> None:
    assert propose(domain="fintech", name="x", description="Sends a push notification") == "messaging/send_push"
    assert propose(domain="", name="winback", description="Win-back offer for cancelled subscribers") == (
        "subscription/offer_return"
    )


@pytest.mark.parametrize("ending", ["ey", "ed", "s", "ings", "eer"])
def test_propose__for_a_word_that_is_nothing_but_endings__comes_to_an_end(ending: str) -> None:
    description = (ending * 2000)[:2000]

    assert propose(domain="loyalty", name="grant_points", description=description) in {None, "loyalty/grant_points"}
