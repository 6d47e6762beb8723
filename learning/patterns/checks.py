"""What must hold of the settings before a process serves."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def budget_is_a_number(**_: Any) -> list[CheckMessage]:
    if 0 < settings.PATTERNS_EPSILON <= 20:
        return []
    return [Error("PATTERNS_EPSILON must be above 0 and at most 20.", id="retivo.E005")]
