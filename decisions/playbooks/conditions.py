"""Conditions on a user, compiled to one SQL condition over `events_trackeduser u`. `docs/playbooks.md` is the grammar.

Values and names that a tenant sent become parameters; what stands in the SQL comes from the tables in this file. Every
condition is either true or false, never null: what is not known, or of another type, does not hold.

The statement around it gives `tenant_id` and `now`.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from events.models import LifecycleStage, RiskLevel
from retivo.api.errors import FieldError
from retivo.api.json import encode
from retivo.api.values import escape_pointer

MAX_DEPTH = 5
MAX_CONDITIONS = 100
MAX_EVENT_CONDITIONS = 10
MAX_ITEMS = 100
MAX_NESTED = 10
MAX_TEXT = 255
MAX_COUNT = 1000
MAX_DAYS = 1095

TRAIT, EVENT = "trait:", "event:"


class InvalidConditionsError(ValueError):
    """`errors` have pointers that lead from the conditions' root to each fault."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__(errors[0]["detail"])
        self.errors = errors


@dataclass(frozen=True)
class Compiled:
    """`sql` names `parameters`, and `tenant_id` and `now` beside them."""

    sql: str
    parameters: dict[str, Any]


def compile_conditions(conditions: dict[str, Any], *, prefix: str = "c") -> Compiled:
    """The condition that all of `conditions` hold; true where there are none.

    Args:
        prefix: of the parameters' names, so that two can stand in one statement.

    Raises:
        InvalidConditionsError: with every fault, up to the first that makes the whole too big.
    """
    compiler = _Compiler(prefix)
    try:
        sql = compiler.all_of(conditions, "", 0) if conditions else "true"
    except _TooBigError as error:
        raise InvalidConditionsError([FieldError(pointer=error.pointer, code="too_big", detail=str(error))]) from error
    if compiler.errors:
        raise InvalidConditionsError(compiler.errors)
    return Compiled(sql, compiler.parameters)


# --- Fields ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """One of a user's columns. `kind` says which operators it has; a null in `sql` is what is not known."""

    kind: str
    sql: str
    choices: tuple[str, ...] = ()


def _days_since(column: str) -> Field:
    return Field("number", f"(extract(epoch FROM %(now)s::timestamptz - u.{column}) / 86400)::float8")


FIELDS: dict[str, Field] = {
    "activation_score": Field("number", "u.activation_score"),
    "engagement_score": Field("number", "u.engagement_score"),
    "expansion_score": Field("number", "u.expansion_score"),
    "health": Field("number", "u.health"),
    "team_size": Field("number", "u.team_size::float8"),
    "days_since_last_activity": _days_since("last_activity_at"),
    "days_since_created": _days_since("created_at"),
    "days_since_stage_change": _days_since("stage_changed_at"),
    "lifecycle_stage": Field("choice", "u.lifecycle_stage", tuple(LifecycleStage.values)),
    "risk_level": Field("choice", "u.risk_level", tuple(RiskLevel.values)),
    "opted_out": Field("boolean", "u.opted_out"),
    "user_id": Field("text", "u.user_id"),
    **{name: Field("text", f"nullif(u.{name}, '')") for name in ("name", "email", "company", "role", "locale")},
}

_COMPARISONS = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_COUNTS = {"count_gte": ">=", "count_lte": "<=", "count_eq": "="}

# By kind; each is compiled by the method of its name.
OPERATORS: dict[str, tuple[str, ...]] = {
    "number": (*_COMPARISONS, "in", "not_in", "exists"),
    "choice": ("eq", "neq", "in", "not_in"),
    "boolean": ("eq", "neq"),
    "text": ("eq", "neq", "in", "not_in", "contains", "exists"),
    "trait": (*_COMPARISONS, "in", "not_in", "contains", "exists"),
    "event": (*_COUNTS, "within_days"),
}

_SQL_TYPES = {"number": "float8", "choice": "text", "boolean": "boolean", "text": "text"}


# --- Operands -------------------------------------------------------------------------------------------------------


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT and "\0" not in value


def _is_whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: _is_number(value) and value == int(value) and low <= value <= high


def _is_scalar(value: Any) -> bool:
    return isinstance(value, bool) or _is_number(value) or _is_text(value)


@dataclass(frozen=True)
class _Operand:
    fits: Callable[[Any], bool]
    rule: str


_BOOLEAN = _Operand(lambda value: isinstance(value, bool), "Must be true or false.")
_NUMBER = _Operand(_is_number, "Must be a number.")
_TEXT = _Operand(_is_text, f"Must be a text of at most {MAX_TEXT} characters.")
_PART = _Operand(lambda value: _is_text(value) and value != "", f"Must be a text of 1 to {MAX_TEXT} characters.")
_SCALAR = _Operand(_is_scalar, f"Must be a number, true, false or a text of at most {MAX_TEXT} characters.")
_COUNT = _Operand(_is_whole(0, MAX_COUNT), f"Must be a whole number from 0 to {MAX_COUNT}.")
_DAYS = _Operand(_is_whole(1, MAX_DAYS), f"Must be a whole number from 1 to {MAX_DAYS}.")


def _operand(kind: str, operator: str, choices: tuple[str, ...]) -> _Operand:
    """What `operator` takes; of a list, what its items are."""
    if operator == "exists":
        return _BOOLEAN
    if kind == "choice":
        return _Operand(lambda value: isinstance(value, str) and value in choices, f"Must be of: {', '.join(choices)}.")
    if kind == "trait":
        return {"contains": _PART}.get(operator, _NUMBER if operator in ("gt", "gte", "lt", "lte") else _SCALAR)
    if kind == "event":
        return _DAYS if operator == "within_days" else _COUNT
    if operator == "contains":
        return _PART
    return {"number": _NUMBER, "boolean": _BOOLEAN, "text": _TEXT}[kind]


# --- Compiler -------------------------------------------------------------------------------------------------------


class _TooBigError(Exception):
    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer


@dataclass
class _Compiler:
    prefix: str
    parameters: dict[str, Any] = field(default_factory=dict)
    errors: list[FieldError] = field(default_factory=list)
    conditions: int = 0
    event_conditions: int = 0

    def all_of(self, node: Any, pointer: str, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise _TooBigError(pointer, f"Conditions nest at most {MAX_DEPTH} levels deep.")
        if not isinstance(node, dict) or not node:
            return self.fault(pointer, "invalid_conditions", "Must be an object of at least one condition.")
        return _joined("AND", [self.one(name, node[name], f"{pointer}/{escape_pointer(name)}", depth) for name in node])

    def one(self, name: str, value: Any, pointer: str, depth: int) -> str:
        if name in ("any", "all"):
            return self.nested(value, pointer, depth, "OR" if name == "any" else "AND")
        if name == "not":
            return f"NOT {self.all_of(value, pointer, depth + 1)}"
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            raise _TooBigError(pointer, f"At most {MAX_CONDITIONS} conditions.")
        if name in FIELDS:
            return self.column(FIELDS[name], value, pointer)
        for kind, compiled in ((TRAIT, self.trait), (EVENT, self.event)):
            if name.startswith(kind) and _PART.fits(name.removeprefix(kind)):
                return compiled(name.removeprefix(kind), value, pointer)
        known = ", ".join([*FIELDS, f"{TRAIT}<name>", f"{EVENT}<name>", "any", "all", "not"])
        return self.fault(pointer, "unknown_field", f"There is no such field. Known: {known}.")

    def nested(self, value: Any, pointer: str, depth: int, joiner: str) -> str:
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_NESTED:
            return self.fault(pointer, "invalid_conditions", f"Must be a list of 1 to {MAX_NESTED} objects.")
        return _joined(joiner, [self.all_of(item, f"{pointer}/{n}", depth + 1) for n, item in enumerate(value)])

    def column(self, column: Field, value: Any, pointer: str) -> str:
        sql_type = _SQL_TYPES[column.kind]
        tests = []
        for operator, given in self.operations(column.kind, value, pointer, column.choices):
            operand = _floats(given) if sql_type == "float8" and operator != "exists" else given
            match operator:
                case "exists":
                    tests.append(f"({column.sql} IS NULL) <> {self.parameter(operand)}::boolean")
                case "contains":
                    tests.append(f"strpos({column.sql}, {self.parameter(operand)}::text) > 0")
                case "in" | "not_in":
                    negation = "NOT " if operator == "not_in" else ""
                    tests.append(f"{negation}{column.sql} = ANY({self.parameter(operand)}::{sql_type}[])")
                case _:
                    test = f"{column.sql} {_COMPARISONS[operator]} {self.parameter(operand)}::{sql_type}"
                    tests.append(test)
        return _joined("AND", [f"({test}) IS TRUE" for test in tests])

    def trait(self, name: str, value: Any, pointer: str) -> str:
        """Compared as jsonb, which knows its types: nothing is cast, so nothing can fail to be."""
        trait = f"(u.traits -> {self.parameter(name)}::text)"
        kind = f"jsonb_typeof({trait})"
        tests = []
        for operator, operand in self.operations("trait", value, pointer):
            match operator:
                case "exists":
                    tests.append(f"(coalesce({kind}, 'null') <> 'null') = {self.parameter(operand)}::boolean")
                case "contains":
                    text = self.parameter(operand)
                    tests.append(
                        f"CASE {kind} WHEN 'string' THEN strpos({trait} #>> '{{}}', {text}::text) > 0"
                        f" WHEN 'array' THEN {trait} @> to_jsonb({text}::text) END"
                    )
                case "in" | "not_in":
                    negation = "NOT " if operator == "not_in" else ""
                    items = self.parameter(encode(operand).decode())
                    tests.append(f"{kind} IN ({_SCALARS}) AND {negation}{items}::jsonb @> {trait}")
                case _:
                    fitting = _SCALARS if operator in ("eq", "neq") else "'number'"
                    compared = f"{trait} {_COMPARISONS[operator]} {self.parameter(encode(operand).decode())}::jsonb"
                    tests.append(f"{kind} IN ({fitting}) AND {compared}")
        return _joined("AND", [f"({test}) IS TRUE" for test in tests])

    def event(self, name: str, value: Any, pointer: str) -> str:
        """Counted in the index of the user's events, no further than it takes to know."""
        self.event_conditions += 1
        if self.event_conditions > MAX_EVENT_CONDITIONS:
            raise _TooBigError(pointer, f"At most {MAX_EVENT_CONDITIONS} conditions on events.")
        operations = dict(self.operations("event", value, pointer))
        days = operations.pop("within_days", None)
        if not operations:
            expected = f"Must say how many: {', '.join(_COUNTS)}."
            return "false" if self.errors else self.fault(pointer, "required", expected)
        within = ""
        if days is not None:
            since = f"%(now)s::timestamptz - {self.parameter(int(days))}::int * interval '1 day'"
            # An event's time lies at most a day ahead of its receipt, by which the partitions are.
            # The month leaves partitions out: an event happens at most a day after it was received.
            month = f"date_trunc('month', ({since} - interval '1 day') AT TIME ZONE 'UTC')::date"
            within = f" AND v.timestamp >= {since} AND v.month >= {month}"
        tests = [
            f"count(*) {_COUNTS[operator]} {self.parameter(int(number))}::int"
            for operator, number in operations.items()
        ]
        enough = self.parameter(int(max(operations.values())) + 1)
        return (
            f"(SELECT {' AND '.join(tests)} FROM (SELECT FROM events_event v WHERE v.tenant_id = %(tenant_id)s"
            f" AND v.user_id = u.user_id AND v.name = {self.parameter(name)}::text{within} LIMIT {enough}::int) v)"
        )

    def operations(
        self, kind: str, value: Any, pointer: str, choices: tuple[str, ...] = ()
    ) -> Iterator[tuple[str, Any]]:
        """Each operator that fits with its operand; what does not is noted. A bare value is `eq`."""
        equal = "count_eq" if kind == "event" else "eq"
        if not isinstance(value, dict):
            operand = _operand(kind, equal, choices)
            if operand.fits(value):
                yield equal, value
            else:
                self.fault(pointer, "invalid_value", f"{operand.rule} Or an object of operators.")
            return
        if not value:
            self.fault(pointer, "invalid_conditions", f"Needs one of: {', '.join(OPERATORS[kind])}.")
        for operator, given in value.items():
            below = f"{pointer}/{escape_pointer(operator)}"
            if operator not in OPERATORS[kind]:
                self.fault(below, "unknown_operator", f"Operators here are: {', '.join(OPERATORS[kind])}.")
            elif self.fits(given, _operand(kind, operator, choices), below, listed=operator in ("in", "not_in")):
                yield operator, given

    def fits(self, given: Any, operand: _Operand, pointer: str, *, listed: bool) -> bool:
        if not listed:
            if not operand.fits(given):
                self.fault(pointer, "invalid_value", operand.rule)
            return operand.fits(given)
        if not isinstance(given, list) or not 1 <= len(given) <= MAX_ITEMS:
            self.fault(pointer, "invalid_value", f"Must be a list of 1 to {MAX_ITEMS}.")
            return False
        misfits = [n for n, item in enumerate(given) if not operand.fits(item)]
        for n in misfits:
            self.fault(f"{pointer}/{n}", "invalid_value", operand.rule)
        return not misfits

    def parameter(self, value: Any) -> str:
        name = f"{self.prefix}{len(self.parameters)}"
        self.parameters[name] = value
        return f"%({name})s"

    def fault(self, pointer: str, code: str, detail: str) -> str:
        self.errors.append(FieldError(pointer=pointer, code=code, detail=detail))
        return "false"


_SCALARS = "'string', 'number', 'boolean'"


def _floats(given: Any) -> Any:
    """The driver sends a list of one type."""
    return [float(item) for item in given] if isinstance(given, list) else float(given)


def _joined(joiner: str, conditions: list[str]) -> str:
    return f"({f' {joiner} '.join(conditions) or 'false'})"
