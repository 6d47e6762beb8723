"""Cursors can be read by nobody else: what they hold tells how much all tenants write."""

import base64
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import Fernet

from events.readback.serializers import EventCursor
from events.usage.reading import UsageCursor
from partners.customers.listing import Place as CustomerPlace
from retivo.api.errors import Problem
from retivo.api.forward import Place
from retivo.api.pagination import Cursor, NameCursor
from retivo.database.commits import Snapshot
from tenants.audit.services import NumberCursor

pytestmark = pytest.mark.no_database

MOMENT, NOBODY = datetime(2026, 1, 2, tzinfo=UTC), UUID(int=0)
# Each kind of cursor, and what it holds as text.
CURSORS: list[tuple[Any, str]] = [
    (Cursor(MOMENT, NOBODY), f"2026-01-02T00:00:00+00:00 {NOBODY}"),
    (NameCursor(MOMENT, "user"), "2026-01-02T00:00:00+00:00 user"),
    (NumberCursor(MOMENT, "48213"), "2026-01-02T00:00:00+00:00 48213"),
    (EventCursor(MOMENT, "(123,4)"), "2026-01-02T00:00:00+00:00 (123,4)"),
    (UsageCursor(MOMENT, f"{NOBODY}/2026-01-01/0"), f"2026-01-02T00:00:00+00:00 {NOBODY}/2026-01-01/0"),
    (CustomerPlace("created_at", MOMENT, NOBODY), f"created_at {NOBODY} 2026-01-02T00:00:00+00:00"),
    (Place(before=Snapshot(end=48213, open=(48200,))), "committed 48213:13   "),
]


@pytest.mark.parametrize(("cursor", "text"), CURSORS)
def test_cursor__each__is_unreadable_and_leads_to_its_place(cursor: Any, text: str) -> None:
    sent = str(cursor)

    content = base64.urlsafe_b64decode(sent)
    assert type(cursor).parse(sent) == cursor
    assert len(content) == len(text) + 16
    assert not any(part.encode() in content for part in text.split())
    assert str(cursor) == sent


@pytest.mark.parametrize(("cursor", "text"), CURSORS)
def test_cursor__of_the_release_before__leads_to_its_place(cursor: Any, text: str) -> None:
    assert type(cursor).parse(base64.urlsafe_b64encode(text.encode()).decode()) == cursor


@pytest.mark.parametrize(("cursor", "text"), CURSORS)
def test_cursor__that_was_changed__is_refused(cursor: Any, text: str) -> None:
    content = bytearray(base64.urlsafe_b64decode(str(cursor)))
    for n in range(len(content)):
        changed = bytearray(content)
        changed[n] ^= 1
        with pytest.raises(Problem):
            type(cursor).parse(base64.urlsafe_b64encode(changed).decode())


def test_cursor__of_a_key_before__is_good_as_long_as_the_key_is_listed(settings: Any) -> None:
    cursor, before = CURSORS[0][0], settings.ENCRYPTION_KEYS
    sent = str(cursor)

    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *before]
    assert str(cursor) != sent
    assert Cursor.parse(sent) == cursor
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    with pytest.raises(Problem):
        Cursor.parse(sent)
