"""What staff can ask for that is no change, as `ways` finds it, changes nothing and leaves no entry."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.test import Client, override_settings

from tests.retivo.staff.ways import (
    WAYS,
    Way,
    address,
    database,
    fields_of,
    is_shown,
    make_scene,
    request_of_a_superuser,
    subject,
    trail,
)
from tests.tenants.staff.people import QUICK_PASSWORDS, delete_own_groups, log_in


@pytest.fixture(scope="module")
def scene(kept_rows: None) -> Iterator[dict[type, Any]]:
    with override_settings(PASSWORD_HASHERS=QUICK_PASSWORDS):
        yield make_scene()


@pytest.fixture(scope="module")
def susan(scene: dict[type, Any]) -> Iterator[Client]:
    yield log_in("susan", superuser=True)
    delete_own_groups()


@pytest.mark.parametrize("way", [way for way in WAYS if is_shown(way)], ids=str)
def test_page__that_shows_or_is_refused__changes_nothing(susan: Client, scene: dict[type, Any], way: Way) -> None:
    page = address(way, scene)
    data: dict[str, Any] = {"post": "yes", "_save": "Save"}
    if way.model_admin:
        data |= {"action": "delete_selected", "_selected_action": quote(subject(way, scene).pk), "index": "0"}
    is_refused = bool(way.permission) and not getattr(way.model_admin, f"has_{way.permission}_permission")(
        request_of_a_superuser()
    )
    if way.permission == "change" and not is_refused:
        data |= fields_of(susan, page)
    rows, entries = database(), trail()

    susan.get(page)
    response = susan.post(page, data)

    if is_refused:
        assert response.status_code == 403
    assert response.status_code < 500
    assert (database(), trail()) == (rows, entries)
