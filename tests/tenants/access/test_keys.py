import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.access import keys

pytestmark = pytest.mark.no_database


def test_generate__either_mode__has_prefix_random_part_and_checksum() -> None:
    assert re.fullmatch(r"rt_live_[0-9A-Za-z]{36}", keys.generate())
    assert re.fullmatch(r"rt_test_[0-9A-Za-z]{36}", keys.generate("test"))


def test_generate__a_thousand_keys__are_distinct_and_well_formed() -> None:
    made = {keys.generate() for _ in range(1000)}

    assert len(made) == 1000
    assert all(map(keys.is_well_formed, made))


@given(st.data())
def test_is_well_formed__one_character_changed__is_false(data: st.DataObject) -> None:
    text = keys.generate()
    position = data.draw(st.integers(0, len(text) - 1))
    replacement = data.draw(st.characters(codec="utf-8").filter(lambda c: c != text[position]))

    assert not keys.is_well_formed(text[:position] + replacement + text[position + 1 :])


@given(st.text())
def test_is_well_formed__any_text__is_false(text: str) -> None:
    assert not keys.is_well_formed(text)


def test_prefix__of_a_key__keeps_most_of_it_secret() -> None:
    text = keys.generate()

    assert text.startswith(keys.prefix(text))
    assert len(text) - len(keys.prefix(text)) >= 32
