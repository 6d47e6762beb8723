"""The grammar, and the SQL it compiles to against a plain reading of it."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decisions.playbooks.conditions import EVENT, FIELDS, OPERATORS, TRAIT, InvalidConditionsError, compile_conditions
from events.models import LifecycleStage, RiskLevel
from tenants.context import tenant_context
from tests.conftest import Api
from tests.decisions.cast import DAY, NOON, PLAYBOOKS, happened, person
from tests.owner import as_owner


def matching(api: Api, conditions: Any) -> set[str]:
    compiled = compile_conditions(conditions)
    sql = f"SELECT u.user_id FROM events_trackeduser u WHERE u.tenant_id = %(tenant_id)s AND {compiled.sql}"
    with tenant_context(api.tenant_id), connection.cursor() as cursor:
        cursor.execute(sql, {"tenant_id": api.tenant_id, "now": NOON, **compiled.parameters})
        return {user_id for (user_id,) in cursor.fetchall()}


# --- A plain reading ------------------------------------------------------------------------------------------------


def holds(conditions: Any, user: dict[str, Any]) -> bool:
    """`user` has columns, `traits` and `events`: names with days ago."""
    return all(_one(name, value, user) for name, value in conditions.items())


def _one(name: str, value: Any, user: dict[str, Any]) -> bool:
    if name in ("any", "all"):
        return {"any": any, "all": all}[name](holds(item, user) for item in value)
    if name == "not":
        return not holds(value, user)
    if name.startswith(EVENT):
        tests = dict(value) if isinstance(value, dict) else {"count_eq": value}
        days = tests.pop("within_days", 10_000)
        count = sum(1 for event, ago in user["events"] if event == name[len(EVENT) :] and ago <= days)
        return all(_COUNTED[operator](count, operand) for operator, operand in tests.items())
    tests = value if isinstance(value, dict) else {"eq": value}
    if name.startswith(TRAIT):
        is_trait, known = True, user["traits"].get(name[len(TRAIT) :])
    else:
        is_trait, known = False, _column(name, user)
    return all(_test(operator, known, operand, is_trait) for operator, operand in tests.items())


_COUNTED: dict[str, Callable[[int, int], bool]] = {
    "count_gte": lambda count, operand: count >= operand,
    "count_lte": lambda count, operand: count <= operand,
    "count_eq": lambda count, operand: count == operand,
}


def _column(name: str, user: dict[str, Any]) -> Any:
    if name.startswith("days_since_"):
        column = {"last_activity": "last_activity_at", "created": "created_at", "stage_change": "stage_changed_at"}
        moment = user[column[name.removeprefix("days_since_")]]
        return moment and (NOON - moment) / DAY
    return None if user[name] == "" else user[name]


def _test(operator: str, known: Any, operand: Any, is_trait: bool) -> bool:  # noqa: PLR0911 - a table
    if operator == "exists":
        return bool((known is not None) == operand)
    if known is None:
        return False
    match operator:
        case "contains":
            return operand in known if isinstance(known, str | list) else False
        case "eq" | "neq" | "in" | "not_in":
            if is_trait and isinstance(known, list | dict):
                return False
            operands = operand if operator in ("in", "not_in") else [operand]
            same = any(_kind(known) == _kind(item) and known == item for item in operands)
            return same == (operator in ("eq", "in"))
    if is_trait and _kind(known) != "number":
        return False
    return bool(
        {"gt": known > operand, "gte": known >= operand, "lt": known < operand, "lte": known <= operand}[operator]
    )


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


# --- Random users and conditions ------------------------------------------------------------------------------------

_numbers = st.sampled_from([-1, 0, 0.25, 0.5, 1, 1.0, 2, 7, 30, 2**53])
_texts = st.sampled_from(["", "a", "ab", "5", "true", "pro", "it's; DROP TABLE x --", "%(now)s", "é{}"])
_scalars = st.booleans() | _numbers | _texts
_names = st.sampled_from(["a", "b'", 'c"', "%s", "d e"])
_traits = st.dictionaries(_names, st.none() | _scalars | st.lists(_scalars, max_size=2) | st.just({"a": 1}), max_size=4)

_users = st.fixed_dictionaries(
    {
        **dict.fromkeys(("activation_score", "engagement_score", "expansion_score", "health"), _numbers),
        "team_size": st.none() | st.integers(0, 7),
        "lifecycle_stage": st.sampled_from(LifecycleStage.values),
        "risk_level": st.sampled_from(RiskLevel.values),
        "opted_out": st.booleans(),
        **dict.fromkeys(("name", "email", "company", "role", "locale"), _texts),
        "last_activity_at": st.none() | st.sampled_from([NOON, NOON - DAY / 2, NOON - 7 * DAY]),
        "created_at": st.sampled_from([NOON, NOON - 30 * DAY]),
        "stage_changed_at": st.sampled_from([NOON - 2 * DAY, NOON - 7 * DAY]),
        "traits": _traits,
        "events": st.lists(st.tuples(_names, st.sampled_from([0, 0.5, 1, 2.5, 40])), max_size=5),
    }
)


def _operands(kind: str, operator: str, choices: tuple[str, ...]) -> Any:
    part = _texts.filter(bool)
    item = {
        "number": _numbers,
        "boolean": st.booleans(),
        "text": _texts,
        "choice": st.sampled_from(choices or ("",)),
        "trait": _scalars,
        "event": st.integers(0, 4),
    }[kind]
    special = {
        "exists": st.booleans(),
        "contains": part,
        "in": st.lists(item, min_size=1, max_size=3),
        "not_in": st.lists(item, min_size=1, max_size=3),
        "within_days": st.integers(1, 40),
        **dict.fromkeys(("gt", "gte", "lt", "lte"), _numbers),
    }
    return special.get(operator, item)


def _tests(kind: str, choices: tuple[str, ...] = ()) -> Any:
    each = {operator: _operands(kind, operator, choices) for operator in OPERATORS[kind]}
    needed = [name for name in each if name != "within_days"]
    objects = st.sampled_from(needed).flatmap(
        lambda first: st.fixed_dictionaries(
            {first: each[first]}, optional={name: each[name] for name in each if name != first}
        )
    )
    return each["count_eq" if kind == "event" else "eq"] | objects


_NAMED = FIELDS.keys() - {"user_id"}
_leaf = st.one_of(
    *(
        st.tuples(st.just(name), _tests(field.kind, field.choices))
        for name, field in FIELDS.items()
        if name != "user_id"
    ),
    *(st.tuples(_names.map(TRAIT.__add__), _tests("trait")) for _ in range(8)),
    *(st.tuples(_names.map(EVENT.__add__), _tests("event")) for _ in range(4)),
).map(lambda pair: {pair[0]: pair[1]})
_conditions = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda items: {"any": items}),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: {"all": items}),
        inner.map(lambda item: {"not": item}),
        st.tuples(inner, inner).map(lambda pair: {**pair[0], **pair[1]}),
    ),
    max_leaves=6,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(users=st.lists(_users, min_size=4, max_size=8), many=st.lists(_conditions, min_size=40, max_size=40))
def test_compiled__random_users_and_conditions__match_as_a_plain_reading_does(
    merchant: Api, users: list[dict[str, Any]], many: list[Any]
) -> None:
    as_owner("TRUNCATE events_event, events_trackeduser CASCADE")
    named = {f"u{n}": user for n, user in enumerate(users)}
    for user_id, user in named.items():
        person(merchant, user_id, **{name: value for name, value in user.items() if name != "events"})
        for event, ago in user["events"]:
            happened(merchant, user_id, event, NOON - ago * DAY)

    for conditions in many:
        try:
            found = matching(merchant, conditions)
        except InvalidConditionsError as error:  # by chance deeper than is allowed
            if "nest at most" in str(error):
                continue
            raise
        assert found == {user_id for user_id, user in named.items() if holds(conditions, user)}, conditions


# --- Single cases ---------------------------------------------------------------------------------------------------


def test_contract__its_example__finds_who_it_says(merchant: Api) -> None:
    example = {
        "engagement_score": {"gte": 0.6},
        "lifecycle_stage": {"in": ["active"]},
        "event:purchase_completed": {"count_gte": 3, "within_days": 30},
    }
    for user_id, score, days in (("yes", 0.6, 29), ("cold", 0.5, 1), ("long ago", 0.9, 31)):
        person(merchant, user_id, engagement_score=score)
        happened(merchant, user_id, "purchase_completed", *[NOON - days * DAY] * 3)

    assert matching(merchant, example) == {"yes"}


@pytest.mark.parametrize("trait", [["a"], {"a": 1}, None])
@pytest.mark.parametrize("operator", ["in", "not_in"])
def test_trait__that_is_no_single_value__is_neither_in_nor_not_in_a_list(
    merchant: Api, trait: Any, operator: str
) -> None:
    person(merchant, "a", traits={"t": trait})

    assert matching(merchant, {"trait:t": {operator: ["a", "b"]}}) == set()


def test_event__dated_ahead_of_its_receipt__counts(merchant: Api) -> None:
    """The bound by the time of receipt, which is what partitions go by, leaves room for it."""
    person(merchant, "a")
    happened(merchant, "a", "e", NOON - 9.5 * DAY, received_at=NOON - 10.5 * DAY)

    assert matching(merchant, {"event:e": {"count_gte": 1, "within_days": 10}}) == {"a"}


def test_event__counting_many__stops_as_soon_as_it_knows(merchant: Api) -> None:
    compiled = compile_conditions({"event:e": {"count_gte": 3}})

    assert "LIMIT" in compiled.sql
    assert 4 in compiled.parameters.values()


# --- What is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "pointer", "code"),
    [
        ({"any": [{"engagement_score": {"gtee": 1}}]}, "/any/0/engagement_score/gtee", "unknown_operator"),
        ({"engagement": 1}, "/engagement", "unknown_field"),
        ({"tenant_id": "x"}, "/tenant_id", "unknown_field"),
        ({"trait:": 1}, "/trait:", "unknown_field"),
        ({"trait:a/b~c": []}, "/trait:a~1b~0c", "invalid_value"),
        ({"event:e": {"within_days": 3}}, "/event:e", "required"),
        ({"event:e": {"count_gte": 1.5}}, "/event:e/count_gte", "invalid_value"),
        ({"event:e": {"count_gte": 1001}}, "/event:e/count_gte", "invalid_value"),
        ({"event:e": {"count_gte": 1, "within_days": 0}}, "/event:e/within_days", "invalid_value"),
        ({"event:e": True}, "/event:e", "invalid_value"),
        ({"health": "0.5"}, "/health", "invalid_value"),
        ({"health": True}, "/health", "invalid_value"),
        ({"health": {"in": [1, "2"]}}, "/health/in/1", "invalid_value"),
        ({"health": {"in": []}}, "/health/in", "invalid_value"),
        ({"health": {"contains": "x"}}, "/health/contains", "unknown_operator"),
        ({"health": {}}, "/health", "invalid_conditions"),
        ({"lifecycle_stage": "actve"}, "/lifecycle_stage", "invalid_value"),
        ({"opted_out": "true"}, "/opted_out", "invalid_value"),
        ({"name": {"contains": ""}}, "/name/contains", "invalid_value"),
        ({"any": []}, "/any", "invalid_conditions"),
        ({"any": [{}]}, "/any/0", "invalid_conditions"),
        ({"any": {"health": 1}}, "/any", "invalid_conditions"),
        ({"not": [{"health": 1}]}, "/not", "invalid_conditions"),
        ({"not": {"not": {"not": {"not": {"not": {"not": {"health": 1}}}}}}}, "/not/not/not/not/not/not", "too_big"),
        ({"any": [{"health": 1}] * 11}, "/any", "invalid_conditions"),
        ({"any": [{"all": [{"health": 1}] * 10}] * 10, "team_size": 1}, "/team_size", "too_big"),
        ({"any": [{"event:e": 1}] * 10, "event:f": 1}, "/event:f", "too_big"),
    ],
)
def test_fault__in_a_condition__is_named_by_its_pointer(
    merchant: Api, conditions: Any, pointer: str, code: str
) -> None:
    response = merchant.post(PLAYBOOKS, {"name": "x", "entry_conditions": conditions})

    assert response.status_code == 400
    found = [(error["pointer"], error["code"]) for error in response.json()["errors"]]
    assert found == [(f"/entry_conditions{pointer}", code)]


def test_faults__several__are_all_named(merchant: Api) -> None:
    body = {"name": "x", "entry_conditions": {"health": "x", "not": {"x": 1}}, "exit_conditions": {"any": 5}}

    errors = merchant.post(PLAYBOOKS, body).json()["errors"]

    assert [error["pointer"] for error in errors] == [
        "/entry_conditions/health",
        "/entry_conditions/not/x",
        "/exit_conditions/any",
    ]


# --- Rubbish --------------------------------------------------------------------------------------------------------

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_keys = st.sampled_from([*FIELDS, "any", "all", "not", "trait:x", "event:x", "trait:'; --", "event:%s%(a)s{}"])
_operator_names = st.sampled_from(sorted({name for names in OPERATORS.values() for name in names}))
_nearly = st.recursive(
    st.dictionaries(_keys, _json | st.dictionaries(_operator_names, _json, max_size=3), max_size=3),
    lambda inner: st.dictionaries(_keys, inner | st.lists(inner, max_size=2), max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(conditions=_json | _nearly)
def test_any_json__as_conditions__is_refused_or_runs_and_is_never_in_the_sql(merchant: Api, conditions: Any) -> None:
    response = merchant.post(PLAYBOOKS, {"name": "x", "entry_conditions": conditions})

    assert response.status_code in (201, 400), response.content
    if response.status_code == 201:
        matching(merchant, conditions)
        sql = compile_conditions(conditions).sql
        known = r"\b(u|v)\.\w+|%\(\w+\)s|'[a-z]*'|'\{\}'|'1 day'|[A-Z_]{2,}"
        words = set(re.findall(r"[a-z_0-9]+", re.sub(known, " ", sql)))
        assert words <= _WORDS, (words - _WORDS, json.dumps(conditions))


_WORDS = {
    *("true", "false", "extract", "epoch", "timestamptz", "float8", "text", "jsonb", "boolean", "int", "interval"),
    *("nullif", "strpos", "coalesce", "jsonb_typeof", "to_jsonb", "count", "events_event", "u", "v", "86400", "0"),
}
