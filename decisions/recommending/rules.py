"""What a tenant's config says of its decisions: limits, quiet hours, holdout, budget, what a conversion is.

`docs/configuration.md` has the keys. A value that was stored before its key had a meaning, and does not fit, is as if
it were not there: a decision never fails for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from rest_framework import serializers

from learning.model.features import Declared, declared
from retivo.api.errors import FieldError, as_problem
from retivo.api.serializers import IntegerField, StrictSerializer, StringField, pattern
from tenants import config as tenant_config

MAX_DAYS = 90  # how far back limits look, and conversions wait: learning.services.KEPT_DAYS
MAX_COUNT = 100
MAX_HOURS = MAX_DAYS * 24
OUTCOME_DAYS = 7  # how long a decision waits for what comes of it, where no conversion says
LATE = timedelta(days=1)  # events may come as much after they happened, and still convert
NOT_LATE = timedelta(0)

TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


@dataclass(frozen=True)
class Limits:
    """How often one user is given something."""

    cooldown: timedelta | None = None
    count: int | None = None
    period: timedelta = timedelta(days=MAX_DAYS)


@dataclass(frozen=True)
class Conversion:
    """The event that a decision hopes for, in how long a time, and what it adds to the reward."""

    event: str
    within: timedelta
    value: float


@dataclass(frozen=True)
class Rules:
    limits: Limits = Limits()
    by_action: Mapping[str, Limits] = field(default_factory=dict)
    quiet_hours: tuple[str, str] | None = None
    timezone: str | None = None
    holdout_percent: float = 0.0
    budget_usd: Decimal | None = None
    conversion: Conversion | None = None
    declared: Declared = field(default_factory=Declared)

    @property
    def window(self) -> timedelta:
        """After which nothing more is expected to come of a decision."""
        return self.conversion.within if self.conversion else timedelta(days=OUTCOME_DAYS)

    def clock(self, traits: Any, now: datetime) -> str:
        """The user's time of day: in the zone that they name, else the tenant, else UTC."""
        named = traits.get("timezone") if isinstance(traits, dict) else None
        zone = next((str(name) for name in (named, self.timezone) if is_timezone(name)), "UTC")
        return f"{now.astimezone(ZoneInfo(zone)):%H:%M}"

    def is_quiet(self, traits: Any, now: datetime) -> bool:
        if self.quiet_hours is None:
            return False
        start, end = self.quiet_hours
        clock = self.clock(traits, now)
        return start <= clock < end if start <= end else clock >= start or clock < end


@lru_cache(maxsize=1000)
def read(config: str) -> Rules:
    """The rules in a tenant's config, as JSON."""
    given: Any = msgspec.json.decode(config)
    given = given if isinstance(given, dict) else {}
    known = {name: value for name, value in given.items() if not tenant_config.faults({name: value})}
    guardrails = known.get("guardrails", {})
    quiet, conversion, budget = guardrails.get("quiet_hours"), known.get("conversion"), known.get("action_budget_usd")
    return Rules(
        limits=_limits(guardrails),
        by_action={name: _limits(limits) for name, limits in guardrails.get("action_types", {}).items()},
        quiet_hours=(quiet["from"], quiet["to"]) if quiet else None,
        timezone=known.get("timezone"),
        holdout_percent=known.get("holdout_percent", 0),
        budget_usd=None if budget is None else Decimal(str(budget)),
        conversion=conversion
        and Conversion(
            event=conversion["event"],
            within=timedelta(days=conversion.get("within_days", OUTCOME_DAYS)),
            value=float(conversion.get("value", 1)),
        ),
        declared=declared(known)[0],
    )


def _limits(given: Mapping[str, Any]) -> Limits:
    hours, most = given.get("cooldown_hours"), given.get("max_per_user", {})
    return Limits(
        cooldown=None if hours is None else timedelta(hours=hours),
        count=most.get("count"),
        period=timedelta(days=most.get("days", MAX_DAYS)),
    )


@cache
def _timezones() -> frozenset[str]:
    return frozenset({*available_timezones(), "UTC"})


def is_timezone(name: Any) -> bool:
    return isinstance(name, str) and name in _timezones()


# --- What the config may hold ---------------------------------------------------------------------------------------


class _MostSerializer(StrictSerializer):
    count = IntegerField(min_value=1, max_value=MAX_COUNT)
    days = IntegerField(min_value=1, max_value=MAX_DAYS)


class _LimitsSerializer(StrictSerializer):
    cooldown_hours = IntegerField(required=False, min_value=0, max_value=MAX_HOURS)
    max_per_user = _MostSerializer(required=False)


class _QuietHoursSerializer(StrictSerializer):
    def get_fields(self) -> dict[str, Any]:
        at = [pattern(TIME_OF_DAY, "Must be a time of day, `HH:MM`.")]
        return {name: StringField(max_length=5, validators=at) for name in ("from", "to")}


class _GuardrailsSerializer(_LimitsSerializer):
    action_types = serializers.DictField(child=_LimitsSerializer(), required=False)
    quiet_hours = _QuietHoursSerializer(required=False)


class _ConversionSerializer(StrictSerializer):
    event = StringField(max_length=255)
    within_days = IntegerField(required=False, min_value=1, max_value=MAX_DAYS)
    value = serializers.FloatField(required=False, min_value=0, max_value=1)


def guardrails_faults(value: Any) -> list[FieldError]:
    return _faults(_GuardrailsSerializer(data=value))


def conversion_faults(value: Any) -> list[FieldError]:
    if isinstance(value, dict) and isinstance(value.get("value", 1), bool | str):
        return [FieldError(pointer="/value", code="invalid", detail="Must be a number from 0 to 1.")]
    return _faults(_ConversionSerializer(data=value))


def timezone_faults(value: Any) -> list[FieldError]:
    if is_timezone(value):
        return []
    return [FieldError(pointer="", code="unknown_timezone", detail="Must be a name such as Europe/Berlin.")]


def _faults(serializer: StrictSerializer) -> list[FieldError]:
    try:
        serializer.is_valid(raise_exception=True)
    except serializers.ValidationError as error:
        problem = as_problem(error)
        return list(problem.errors) if problem else []
    return []
