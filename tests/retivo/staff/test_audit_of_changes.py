"""Every way in which staff can change something leaves its entry in the audit trail: `ways` finds and lists them."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from tests.retivo.staff.ways import BEFORE, CHANGES, SHOWN, WAYS, Way, database, is_shown, perform, trail


@pytest.mark.no_database
def test_ways__each_that_is_found__is_known() -> None:
    unknown = [str(way) for way in WAYS if not is_shown(way) and str(way) not in CHANGES]
    assert not unknown, "these need an entry in CHANGES or SHOWN:\n" + "\n".join(unknown)


@pytest.mark.no_database
def test_ways__each_that_is_known__is_found() -> None:
    found = {str(way) for way in WAYS}
    assert (SHOWN | CHANGES.keys() | BEFORE.keys()) - found == set()
    assert {way.model_admin for way in WAYS} - {None} == set(admin.site._registry.values())


@pytest.mark.parametrize("way", [way for way in WAYS if str(way) in CHANGES], ids=str)
def test_change__by_a_superuser__leaves_its_entry(susan: Client, scene: dict[type, Any], way: Way) -> None:
    first = BEFORE.get(str(way))
    if first:
        perform(susan, next(each for each in WAYS if str(each) == first), scene)
    change, rows, entries = CHANGES[str(way)], database(), trail()

    response = perform(susan, way, scene)

    assert response.status_code in (200, 302), response.content
    after = database()
    assert [table for table in rows if rows[table] != after[table]], response.content.decode()
    assert rows["django_admin_log"] == after["django_admin_log"], "one trail is enough"
    left = trail()[len(entries) :]
    assert left == [("staff:susan", change.entry), *(("staff:susan", action) for action in change.also)]
