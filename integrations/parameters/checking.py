"""Whether parameters fit a schema: here where that is little work, else in a process that can be killed.

What it may take is known before: it grows with the schema, its references followed and its patterns compiled, times
the parameters, both in bytes. A product of 2^22 takes at most some 2 ms.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import msgspec
from jsonschema_rs import Draft202012Validator

from integrations.parameters import engine
from integrations.parameters.children import CostlyError, children
from integrations.parameters.forms import InvalidSchemaError
from integrations.parameters.schema import SMALL_PATTERN_BYTES, Extent, extent
from retivo.api.errors import FieldError
from retivo.api.json import encode
from retivo.api.values import escape_pointer

MAX_BYTES = 16 * 1024

INVALID, TOO_LARGE, TOO_COSTLY = "invalid_parameters", "parameters_too_large", "parameters_too_costly"

_WORK_HERE = 2**22
# To say of each parameter what is wrong takes some thousand times as much as to see that something is.
_EXPLAINED = 2**14

_TOO_LARGE = FieldError(
    pointer="", code=TOO_LARGE, detail=f"Must be at most {MAX_BYTES // 1024} KiB of JSON without blanks."
)
_TOO_COSTLY = FieldError(
    pointer="",
    code=TOO_COSTLY,
    detail="Checking these against the action type's schema takes too long: use shorter texts, or simpler patterns.",
)
_UNEXPLAINED = FieldError(pointer="", code=INVALID, detail="Must fit the action type's schema.")


@dataclass
class Allowance:
    """The CPU time that checks may take together in processes of their own."""

    seconds: float = 0.1


@dataclass(frozen=True)
class _Program:
    """A stored schema, ready to be used."""

    text: str
    extent: Extent | None  # None where it breaks a bound that was set after it was stored

    @cached_property
    def work(self) -> int | None:
        """For each byte of the parameters; None where it is not known to be little."""
        if self.extent is None:
            return None
        patterns = engine.size_of(self.extent.patterns, most=SMALL_PATTERN_BYTES)
        return None if patterns is None else self.extent.size + patterns

    @cached_property
    def validator(self) -> Draft202012Validator:
        return engine.compiled(msgspec.json.decode(self.text))


@lru_cache(maxsize=256)
def _program(schema: str) -> _Program:
    try:
        return _Program(schema, extent(msgspec.json.decode(schema)))
    except InvalidSchemaError:
        return _Program(schema, None)


def check(
    schema: str, parameters: Mapping[str, Any], *, owner: object, allowance: Allowance | None = None
) -> list[FieldError]:
    """What is wrong with the parameters; pointers lead from them.

    Args:
        schema: a stored one, as JSON.
        owner: the tenant whose parameters these are; of one tenant's heavy checks one runs at a time.
        allowance: shared by several checks; one of its own where None.

    Raises:
        UnavailableError: a Problem, 503.
    """
    text = encode(parameters)
    if len(text) > MAX_BYTES:
        return [_TOO_LARGE]
    program = _program(schema)
    if program.extent is None:
        return [_TOO_COSTLY]
    if program.work is None or program.work * len(text) > _WORK_HERE:
        return _checked_apart(schema, text.decode(), owner, allowance or Allowance())
    if program.validator.is_valid(parameters):
        return []
    return _explained(program.validator, parameters) if program.work * len(text) <= _EXPLAINED else [_UNEXPLAINED]


def size_fault(parameters: Any) -> FieldError | None:
    """What is wrong with the size of parameters that came with a request, before it is known what they are for."""
    return _TOO_LARGE if len(encode(parameters)) > MAX_BYTES else None


def is_light(schema: str, parameters: str) -> bool:
    """Whether checking is little work, which can be done where others wait for it."""
    work = _program(schema).work
    return work is not None and work * len(parameters.encode()) <= _WORK_HERE


def _checked_apart(schema: str, parameters: str, owner: object, allowance: Allowance) -> list[FieldError]:
    if allowance.seconds <= 0:
        return [_TOO_COSTLY]
    try:
        fits, seconds = children.ask("fits", schema, parameters, owner=owner, seconds=allowance.seconds)
    except CostlyError:
        allowance.seconds = 0
        return [_TOO_COSTLY]
    allowance.seconds -= seconds
    return [] if fits else [_UNEXPLAINED]


def _explained(validator: Draft202012Validator, parameters: Mapping[str, Any]) -> list[FieldError]:
    return [
        FieldError(
            pointer="".join(f"/{escape_pointer(part)}" for part in fault.instance_path),
            code=INVALID,
            detail=fault.message[:300],
        )
        for fault in validator.iter_errors(parameters)
    ]
