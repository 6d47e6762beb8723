"""What an answer means for its action: delivered, to be sent again after a while, or failed."""

import random
from dataclasses import dataclass

from django.conf import settings

from delivery.models import FailureReason
from delivery.transport.sending import Answer

# A retry may be that much later than the schedule says, never earlier.
_JITTER = 0.2
# A receiver may put a retry off by that much more, and not until the action expires.
_MOST_PUT_OFF_SECONDS = 2 * 3600


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Exactly one of the three."""

    delivered: bool = False
    wait_seconds: float | None = None
    reason: str = ""


def judge(answer: Answer, *, attempt: int) -> Verdict:
    """`attempt` counts from 1, and anew after a replay."""
    if answer.is_success:
        return Verdict(delivered=True)
    if answer.status == 410:
        return Verdict(reason=FailureReason.ENDPOINT_GONE)
    if attempt > len(settings.DELIVERY_RETRY_SECONDS):
        return Verdict(reason=FailureReason.ATTEMPTS_EXHAUSTED)
    step = settings.DELIVERY_RETRY_SECONDS[attempt - 1]
    wait = step * random.uniform(1, 1 + _JITTER)  # noqa: S311  # no secret
    return Verdict(wait_seconds=max(wait, min(answer.retry_after or 0, step + _MOST_PUT_OFF_SECONDS)))
