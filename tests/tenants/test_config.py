from typing import Any

import pytest

from retivo.api.errors import FieldError
from retivo.api.values import MAX_OBJECT_BYTES
from tenants import config

pytestmark = pytest.mark.no_database


def each(key: str, code: str, *values: Any) -> list[tuple[str, Any, str]]:
    return [(key, value, code) for value in values]


@pytest.mark.parametrize(
    "good",
    [
        {"overage": "reject"},
        {"overage": "allow"},
        *({"retention_days": days} for days in (30, 90, 365, 1095)),
        *({"learning": choice} for choice in ("contribute", "use_only", "off")),
        *({"holdout_percent": percent} for percent in (0, 0.5, 50)),
        *({"action_budget_usd": amount} for amount in (0, 25, 25.5, "0", "25.00", "999999999999.999999")),
        {"scores": {}},
        {"theme": None, "overages": "whatever", "nested": {"overage": 5}},
    ],
)
def test_faults__values_that_fit_and_unknown_keys__are_none(good: dict[str, Any]) -> None:
    assert config.faults(good) == []


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        *each("overage", "invalid_choice", "Allow", "", True, None, ["allow"], {}),
        *each("retention_days", "invalid_choice", 0, 31, 30.0, "30", True, -30, None, [30]),
        *each("learning", "invalid_choice", "on", False, None),
        *each("holdout_percent", "out_of_range", -1, 50.01, 51, 1e18),
        *each("holdout_percent", "not_a_number", "5", True, None, [], {}),
        *each(
            "action_budget_usd", "invalid_amount", -1, -0.01, 10**12, "-1", "", " 5", "5\n", "1_0", "1e5", "٥", "NaN"
        ),
        *each("action_budget_usd", "invalid_amount", "$5", True, None, [], {}),
        *each("scores", "invalid_scores", [], "x", 1),
        *each("features", "invalid_features", []),
    ],
)
def test_faults__a_value_that_does_not_fit__is_named(key: str, value: Any, code: str) -> None:
    (fault,) = config.faults({key: value, "other": 1})

    assert (fault["pointer"], fault["code"]) == (f"/config/{key}", code)


def test_faults__of_a_declared_context__point_into_it() -> None:
    (fault,) = config.faults({"features": {"context": {"numeric": ["cart_value", 5]}}})

    assert (fault["pointer"], fault["code"]) == ("/config/features/context/numeric/1", "invalid_features")


def test_faults__the_limit__is_of_the_whole_config() -> None:
    fits = {"a": "x" * (MAX_OBJECT_BYTES - len('{"a":""}'))}

    assert config.faults(fits) == []
    assert [fault["code"] for fault in config.faults({"a": fits["a"] + "x"})] == ["too_large"]


def test_register__a_rooms_own_check__points_into_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_CHECKS", dict(config._CHECKS))
    config.register("scores", lambda value: [FieldError(pointer="/a/0", code="bad", detail="Bad.")])

    assert [fault["pointer"] for fault in config.faults({"scores": 5})] == ["/config/scores/a/0"]


def test_set_by_partner__each_key__is_one_that_is_checked() -> None:
    assert set(config.SET_BY_PARTNER) <= config._CHECKS.keys()
