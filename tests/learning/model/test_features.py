"""What is known of a user, and what a tenant may declare."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite, log1p
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learning.model.features import BUILT_IN, LIMIT, Declared, Group, declared, of_user

pytestmark = pytest.mark.no_database

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def user(**columns: Any) -> dict[str, Any]:
    return {
        "lifecycle_stage": "active",
        "activation_score": 0.2,
        "engagement_score": 0.7,
        "expansion_score": 0.0,
        "last_activity_at": NOW - timedelta(days=3),
        "created_at": NOW - timedelta(days=99),
        "traits": {},
    } | columns


def test_of_user__its_row__gives_every_built_in_feature() -> None:
    found = of_user(user(events_14d=6), Declared(), NOW)

    assert found == {
        "bias": 1.0,
        "lifecycle_stage=active": 1.0,
        "activation_score": 0.2,
        "engagement_score": 0.7,
        "expansion_score": 0.0,
        "recency": pytest.approx(log1p(3)),
        "tenure": pytest.approx(log1p(99)),
        "activity": pytest.approx(log1p(6)),
    }
    assert found.keys() <= set(BUILT_IN)


def test_of_user__what_is_unknown__is_absent() -> None:
    found = of_user({"lifecycle_stage": "new", "created_at": NOW, "last_activity_at": None}, Declared(), NOW)

    assert found == {"bias": 1.0, "lifecycle_stage=new": 1.0, "tenure": 0.0}


def test_of_user__declared_traits__are_read() -> None:
    traits = {"orders": 12, "vip": True, "plan": "pro", "seats": 3, "other": "x"}
    spec = Declared(Group(("orders", "vip"), (("plan", ("free", "pro")), ("seats", ("1", "3")), ("vip", ("true",)))))

    found = of_user(user(traits=traits), spec, NOW)

    assert {name: value for name, value in found.items() if name.startswith("traits.")} == {
        "traits.orders": pytest.approx(log1p(12)),
        "traits.vip": pytest.approx(log1p(1)),
        "traits.plan=pro": 1.0,
        "traits.seats=3": 1.0,
        "traits.vip=true": 1.0,
    }


@pytest.mark.parametrize("value", ["12", None, [1], {"a": 1}, float("nan"), "platinum", ""])
def test_of_user__a_trait_of_another_kind__is_absent(value: Any) -> None:
    spec = Declared(Group(("orders",), (("plan", ("free", "pro")),)))

    found = of_user(user(traits={"orders": value, "plan": value}), spec, NOW)

    assert not [name for name in found if name.startswith("traits.")]


def test_of_user__declared_context__is_read_beside_traits_of_the_same_name() -> None:
    spec = Declared(Group(("orders",)), Group(("orders", "cart_value"), (("page", ("checkout", "home")),)))
    context = {"orders": 2, "page": "checkout", "parameters": {"grant_points": {"amount": 5}}}

    found = of_user(user(traits={"orders": 12, "cart_value": 3}), spec, NOW, context)

    assert {name: value for name, value in found.items() if name not in BUILT_IN} == {
        "traits.orders": pytest.approx(log1p(12)),
        "context.orders": pytest.approx(log1p(2)),
        "context.page=checkout": 1.0,
    }


@pytest.mark.parametrize(("value", "taken"), [(float("inf"), 1e9), (-(10**400), -1e9), (10**400, 1e9), (-3, -3)])
def test_of_user__a_number_however_large__is_a_bounded_logarithm_with_its_sign(value: Any, taken: float) -> None:
    found = of_user(user(traits={"n": value}), Declared(Group(("n",))), NOW)["traits.n"]

    assert found == pytest.approx(log1p(abs(taken)) * (1 if taken > 0 else -1))


def test_of_user__an_integer_of_more_digits_than_python_prints__is_no_error() -> None:
    spec = Declared(Group(("n",), (("n", ("1",)),)))

    assert of_user(user(traits={"n": 10**5000}), spec, NOW)["traits.n"] == pytest.approx(log1p(1e9))


def test_of_user__activity_in_the_future__counts_as_now() -> None:
    assert of_user(user(last_activity_at=NOW + timedelta(hours=5)), Declared(), NOW)["recency"] == 0


def test_declared__numeric_and_categorical__make_the_list() -> None:
    spec, faults = declared({"features": {"numeric": ["orders"], "categorical": {"plan": ["free", "pro"]}}})

    assert faults == []
    assert spec.names == (*BUILT_IN, "traits.orders", "traits.plan=free", "traits.plan=pro")


def test_declared__context__comes_last_and_in_the_same_form() -> None:
    context = {"numeric": ["cart_value"], "categorical": {"page": ["checkout", "home"]}}

    spec, faults = declared({"features": {"context": context, "numeric": ["cart_value"]}})

    assert faults == []
    assert spec.names == (
        *BUILT_IN,
        "traits.cart_value",
        "context.cart_value",
        "context.page=checkout",
        "context.page=home",
    )


@pytest.mark.parametrize("config", [{}, {"features": {}}, {"features": {"context": {}}}, [], None])
def test_declared__nothing__is_the_built_in_list(config: Any) -> None:
    assert declared(config) == (Declared(), [])
    assert declared(config)[0].names == BUILT_IN


@pytest.mark.parametrize(
    ("features", "pointer"),
    [
        ([], "/features"),
        (None, "/features"),
        ({"numerical": []}, "/features/numerical"),
        ({"numeric": "orders"}, "/features/numeric"),
        ({"numeric": [1]}, "/features/numeric/0"),
        ({"numeric": ["ok", ""]}, "/features/numeric/1"),
        ({"numeric": ["a=b"]}, "/features/numeric/0"),
        ({"numeric": ["x" * 64]}, "/features/numeric/0"),
        ({"numeric": ["ok", "ok"]}, "/features/numeric/1"),
        ({"numeric": ["n\0"]}, "/features/numeric/0"),
        ({"categorical": ["plan"]}, "/features/categorical"),
        ({"categorical": {"plan": "pro"}}, "/features/categorical/plan"),
        ({"categorical": {"plan": []}}, "/features/categorical/plan"),
        ({"categorical": {"plan": ["pro", 1]}}, "/features/categorical/plan"),
        ({"categorical": {"plan": ["pro", "pro"]}}, "/features/categorical/plan"),
        ({"categorical": {"a/b~": []}}, "/features/categorical/a~1b~0"),
        ({"numeric": ["ok"], "categorical": {"ok": ["a"]}}, "/features/categorical/ok"),
        ({"a/b~": []}, "/features/a~1b~0"),
        ({"context": []}, "/features/context"),
        ({"context": {"context": {}}}, "/features/context/context"),
        ({"context": {"numeric": "cart"}}, "/features/context/numeric"),
        ({"context": {"numeric": ["a=b"]}}, "/features/context/numeric/0"),
        ({"context": {"categorical": {"page": []}}}, "/features/context/categorical/page"),
    ],
)
def test_declared__rubbish__is_named_and_left_out(features: Any, pointer: str) -> None:
    spec, faults = declared({"features": features})

    assert [fault.pointer for fault in faults] == [pointer]
    assert set(spec.names) <= {*BUILT_IN, "traits.ok"}


def test_declared__more_than_there_is_room_for__is_refused_from_there_on() -> None:
    room = LIMIT - len(BUILT_IN)
    numeric = [f"n{index}" for index in range(room + 2)]

    spec, faults = declared({"features": {"numeric": numeric, "categorical": {"plan": ["free", "pro"]}}})

    assert len(spec.names) == LIMIT
    assert [fault.pointer for fault in faults] == [
        f"/features/numeric/{room}",
        f"/features/numeric/{room + 1}",
        "/features/categorical/plan",
    ]


def test_declared__traits_and_context__share_the_room() -> None:
    room = LIMIT - len(BUILT_IN)
    numeric = [f"n{index}" for index in range(room - 1)]

    spec, faults = declared({"features": {"context": {"numeric": ["a", "b"]}, "numeric": numeric}})

    assert spec.names[-2:] == (f"traits.n{room - 2}", "context.a")
    assert [fault.pointer for fault in faults] == ["/features/context/numeric/1"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
GROUP: dict[str, st.SearchStrategy[Any]] = {
    "numeric": st.lists(st.text(max_size=4)) | JSON,
    "categorical": st.dictionaries(st.text(), JSON) | JSON,
}
DECLARATION = st.fixed_dictionaries({}, optional={**GROUP, "context": st.fixed_dictionaries({}, optional=GROUP) | JSON})
VALUES = st.dictionaries(st.text(max_size=4), JSON)


@given(features=JSON | DECLARATION, traits=VALUES, context=VALUES)
def test_declared_and_of_user__of_anything__never_fail(
    features: Any, traits: Mapping[str, Any], context: Mapping[str, Any]
) -> None:
    spec, _ = declared({"features": features})
    found = of_user(user(traits=traits), spec, NOW, context)

    assert len(spec.names) == len(set(spec.names)) <= LIMIT
    assert found.keys() <= set(spec.names)
    assert all(isfinite(value) for value in found.values())
