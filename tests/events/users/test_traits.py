"""Whoever writes a user's traits: the columns agree, null removes, and what a named trait cannot be is never kept."""

import itertools
import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.db import connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.ingestion.traits import MAX_INTEGER, NAMED_TRAITS
from retivo.api.merge_patch import merge_patch
from tests.conftest import Api
from tests.events.cast import event, track
from tests.events.users.people import USERS, get, path, save
from tests.owner import as_owner

Traits = dict[str, Any]


def _sent(api: Api, where: str, body: Any) -> None:
    response = api.post(where, body)
    assert response.status_code == 200, response.content


# Each leaves what it can of the members, and removes the rest.
TOLERANT: dict[str, Callable[[Api, str, Traits], None]] = {
    "$identify": lambda api, user, sent: track(api, event(user, "$identify", properties=sent)),
    "set": lambda api, user, sent: track(api, event(user, set=sent)),
    "external": lambda api, user, sent: _sent(
        api, "/api/external/events", {"provider": "x", "events": [event(user, "$identify", properties=sent)]}
    ),
    "segment": lambda api, user, sent: _sent(
        api, "/api/connectors/segment", {"type": "identify", "userId": user, "traits": sent}
    ),
    "posthog": lambda api, user, sent: _sent(
        api, "/api/connectors/posthog", {"event": "bought", "distinct_id": user, "$set": sent}
    ),
    "mixpanel": lambda api, user, sent: _sent(
        api, "/api/connectors/mixpanel/engage", [{"$distinct_id": user, "$set": sent}]
    ),
}

ONCE: dict[str, Callable[[Api, str, Traits], None]] = {
    "set_once": lambda api, user, sent: track(api, event(user, set_once=sent)),
    "posthog once": lambda api, user, sent: _sent(
        api, "/api/connectors/posthog", {"event": "bought", "distinct_id": user, "$set_once": sent}
    ),
    "mixpanel once": lambda api, user, sent: _sent(
        api, "/api/connectors/mixpanel/engage", [{"$distinct_id": user, "$set_once": sent}]
    ),
}

# Each refuses as a whole what it cannot take.
STRICT: dict[str, Callable[[Api, str, Traits], int]] = {
    "POST": lambda api, user, sent: int(api.post(USERS, {"user_id": user, "traits": sent}).status_code),
    "PATCH": lambda api, user, sent: int(api.patch(path(user), {"traits": sent}).status_code),
    "PATCH beside": lambda api, user, sent: int(
        api.patch(
            path(user),
            {name: value for name, value in sent.items() if name in NAMED_TRAITS}
            | {"traits": {name: value for name, value in sent.items() if name not in NAMED_TRAITS}},
        ).status_code
    ),
}


def possible(name: str, value: Any) -> bool:
    if name == "team_size":
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and 0 <= value <= MAX_INTEGER and value == int(value)
    return isinstance(value, str) if name in NAMED_TRAITS else value is not None


def after(before: Traits, writer: str, sent: Traits) -> Traits:
    kept = {
        name: value[:255] if name in NAMED_TRAITS and isinstance(value, str) else value
        for name, value in sent.items()
        if possible(name, value)
    }
    if writer in ONCE:
        return kept | before
    return {name: value for name, value in before.items() if name not in sent} | kept


def check(api: Api, user: str, expected: Traits) -> None:
    found = get(api, user)
    assert found["traits"] == expected
    columns = {name: found[name] for name in NAMED_TRAITS}
    assert columns == {name: expected.get(name, None if name == "team_size" else "") for name in NAMED_TRAITS}


values = (
    st.none()
    | st.sampled_from(["", "Ada", "a@x.test", "x" * 300, "ÄÖ☃", True, -1, 0, 4, 4.0, 4.5, 2**31 - 1, 2**31, 1e15])
    | st.sampled_from([[], ["a"], {}, {"a": 1}])
)
members = st.dictionaries(st.sampled_from([*NAMED_TRAITS, "plan"]), values, max_size=4)
steps = st.lists(st.tuples(st.sampled_from([*TOLERANT, *ONCE, *STRICT]), members), min_size=1, max_size=6)
_numbers = itertools.count()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_traits__written_by_anybody__agree_with_their_columns(merchant: Api, steps: list[tuple[str, Traits]]) -> None:
    user = f"u{next(_numbers)}"
    save(merchant, user)
    expected: Traits = {}
    for writer, sent in steps:
        if writer in STRICT:
            status = STRICT[writer](merchant, user, sent)
            bad = [n for n, v in sent.items() if n in NAMED_TRAITS and v is not None and not possible(n, v)]
            too_long = [n for n in NAMED_TRAITS if isinstance(sent.get(n), str) and len(sent[n]) > 255]
            assert status == (400 if bad or too_long else 200)
            if status == 200:
                expected = merge_patch(expected, sent)
        else:
            (TOLERANT | ONCE)[writer](merchant, user, sent)
            expected = after(expected, writer, sent)
        check(merchant, user, expected)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(["$identify", "set", "set_once"]), members), min_size=2, max_size=8))
def test_traits__in_one_batch__are_those_of_the_events_one_by_one(
    merchant: Api, steps: list[tuple[str, Traits]]
) -> None:
    together, apart = (f"u{next(_numbers)}" for _ in range(2))

    def events(user: str) -> list[Any]:
        return [
            event(user, kind, properties=sent) if kind == "$identify" else {**event(user), kind: sent}
            for kind, sent in steps
        ]

    track(merchant, *events(together))
    for one in events(apart):
        track(merchant, one)

    expected: Traits = {}
    for kind, sent in steps:
        expected = after(expected, kind, sent)
    check(merchant, together, expected)
    check(merchant, apart, expected)


@pytest.mark.parametrize("writer", [*TOLERANT, "PATCH", "POST"])
def test_traits__null__removes_and_search_forgets(merchant: Api, writer: str) -> None:
    track(merchant, event("u1", "$identify", properties={"email": "old@x.test", "team_size": 5, "plan": "pro"}))

    (TOLERANT | STRICT)[writer](merchant, "u1", {"email": None, "team_size": None, "plan": None})

    check(merchant, "u1", {})
    assert merchant.get(USERS, {"search": "old@x.test"}).json()["total"] == 0


def test_columns__written_by_anybody_else__follow_the_traits(merchant: Api) -> None:
    """As by the release before, which writes both, and disagrees with itself."""
    save(merchant, "u1", name="Ada", team_size=5)

    as_owner("UPDATE events_trackeduser SET traits = '{\"name\": null, \"team_size\": 6.5}', name = 'Eve', role = 'x'")

    user = get(merchant, "u1")
    assert (user["name"], user["role"], user["team_size"]) == ("", "", None)


def test_traits_of_before__that_disagree_with_their_columns__are_mended(merchant: Api) -> None:
    odd = {
        "u1": {"name": None, "email": 5, "team_size": 6.5, "plan": None, "kept": {"a": None}},
        "u2": {"name": "x" * 300, "team_size": 4.0},
        "u3": {"name": "Ada", "plan": "pro"},
    }
    with connections["owner"].cursor() as cursor:
        for user, traits in odd.items():
            save(merchant, user, name="Old", email="old@x.test", team_size=9)
            cursor.execute("ALTER TABLE events_trackeduser DISABLE TRIGGER trait_columns")
            cursor.execute(
                "UPDATE events_trackeduser SET traits = %s::jsonb WHERE user_id = %s", [json.dumps(traits), user]
            )
            cursor.execute("ALTER TABLE events_trackeduser ENABLE TRIGGER trait_columns")

    with connections["owner"].schema_editor(atomic=False) as schema_editor:
        import_module("events.migrations.0027_traits_of_before").agree(None, schema_editor)

    check(merchant, "u1", {"kept": {"a": None}})
    check(merchant, "u2", {"name": "x" * 255, "team_size": 4})
    check(merchant, "u3", {"name": "Ada", "plan": "pro"})
