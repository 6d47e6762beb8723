"""What must hold of the settings before a process serves."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def noise_is_real(**_: Any) -> list[CheckMessage]:
    """Outside development the noise comes from opendp, and the budget is a number."""
    found: list[CheckMessage] = []
    if not settings.DEVELOPMENT and settings.PATTERNS_MECHANISM != "learning.patterns.privacy.Gaussian":
        found.append(
            Error(
                f"PATTERNS_MECHANISM is {settings.PATTERNS_MECHANISM}: patterns would be released with noise that can "
                "be taken off again.",
                hint="Leave it at learning.patterns.privacy.Gaussian outside development.",
                id="retivo.E004",
            )
        )
    if not 0 < settings.PATTERNS_EPSILON <= 20:
        found.append(Error("PATTERNS_EPSILON must be above 0 and at most 20.", id="retivo.E005"))
    return found
