"""The keys of a tenant's config that Retivo itself acts on; all others are the partner's own and kept as they are.

`docs/configuration.md` has the same keys as a table.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from retivo.api.errors import FieldError, validation_failed
from retivo.api.merge_patch import merge_patch
from retivo.api.values import MAX_OBJECT_BYTES, is_large

# What a customer's partner sets and the customer itself does not; the trigger `own_plan` holds it as well.
SET_BY_PARTNER = ("overage", "retention_days", "learning_by_partner")

# Both the partner and the customer say this of the customer, each in a key of its own; the stricter word wins.
_LEARNING, _LEARNING_BY_PARTNER = "learning", "learning_by_partner"

# Events lie in partitions by how long they are kept.
RETENTION_DAYS = (30, 90, 365, 1095)

# What is wrong with a value; `pointer` is relative to it.
Check = Callable[[Any], Collection[FieldError]]


def register(key: str, check: Check) -> None:
    """Say what `key` may hold. A room above this one calls it for its own keys, from its `AppConfig.ready`."""
    _CHECKS[key] = check


def faults(config: Mapping[str, Any], *, touched: Collection[str] | None = None) -> list[FieldError]:
    """What is wrong with a config, with pointers from what holds it: `/config/overage`.

    Args:
        touched: look at these keys alone; at all that Retivo knows where None.
    """
    if is_large(config):
        detail = f"At most {MAX_OBJECT_BYTES // 1024} KiB of JSON."
        return [FieldError(pointer="/config", code="too_large", detail=detail)]
    return [
        FieldError(pointer=f"/config/{key}{fault['pointer']}", code=fault["code"], detail=fault["detail"])
        for key, check in _CHECKS.items()
        if key in config and (touched is None or key in touched)
        for fault in check(config[key])
    ]


def patched(config: Mapping[str, Any], patch: Mapping[str, Any], *, by_partner: bool = False) -> dict[str, Any]:
    """`config` changed by a JSON Merge Patch (RFC 7396).

    Args:
        by_partner: the partner's patch of its customer's config: `learning` in it is kept as the partner's word.

    Raises:
        Problem: 400 `validation_failed` for keys that the patch touches; what stood there before stays unasked.
    """
    merged: dict[str, Any] = merge_patch(config, patch)
    if found := faults(merged, touched=patch):
        raise validation_failed(found)
    if by_partner and _LEARNING in patch:
        word = {_LEARNING: config.get(_LEARNING), _LEARNING_BY_PARTNER: patch[_LEARNING]}
        merged = merge_patch(merged, word)  # null removes
    return merged


def inherited(partners: Mapping[str, Any]) -> dict[str, Any]:
    """What a partner's config is for a new customer. Its word on learning holds for all of them without a copy."""
    return {key: value for key, value in partners.items() if key != _LEARNING}


def in_force(of_tenant: Mapping[str, Any], by_partner: Mapping[str, Any], *, learning: str) -> dict[str, Any]:
    """What has become of what the partner set: the values that Retivo acts by, of the keys that it set and of learning.

    What the customer set and its partner did not is the customer's own affair.
    """
    settled = {key: of_tenant[key] for key in by_partner if key in _CHECKS and key in of_tenant}
    settled.pop(_LEARNING_BY_PARTNER, None)
    return settled | {_LEARNING: learning}


def _fault(code: str, detail: str) -> FieldError:
    return FieldError(pointer="", code=code, detail=detail)


def _one_of(*choices: object) -> Check:
    def check(value: Any) -> list[FieldError]:
        # By type, too: to Python 30.0 and 30 are equal, as are True and 1.
        if any(type(value) is type(choice) and value == choice for choice in choices):
            return []
        return [_fault("invalid_choice", f"Must be one of: {', '.join(str(choice) for choice in choices)}.")]

    return check


def _percent_up_to(largest: int) -> Check:
    def check(value: Any) -> list[FieldError]:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return [_fault("not_a_number", "Must be a number.")]
        return [] if 0 <= value <= largest else [_fault("out_of_range", f"Must lie between 0 and {largest}.")]

    return check


def _amount(value: Any) -> list[FieldError]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 10**12
    if is_number or (isinstance(value, str) and _DECIMAL(value)):
        return []
    return [_fault("invalid_amount", 'Must be US dollars, 0 or more, as a number or as text such as "25.00".')]


_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?").fullmatch

_CHECKS: dict[str, Check] = {
    "overage": _one_of("reject", "allow"),
    "retention_days": _one_of(*RETENTION_DAYS),
    _LEARNING: _one_of("contribute", "use_only", "off"),
    _LEARNING_BY_PARTNER: _one_of("contribute", "use_only", "off"),
    "holdout_percent": _percent_up_to(50),
    "action_budget_usd": _amount,
}
