"""What OpenAPI says of lift."""

from decisions.lift import serializers
from retivo.api.operation import operation
from retivo.api.schema import INVALID_QUERY
from tenants.models import Scope

_LIFT = {
    "days": 30,
    "since": "2026-10-22T08:00:00Z",
    "until": "2026-11-21T08:00:00Z",
    "conversion_event": "purchase_completed",
    "treated": {"users": 9000, "converted": 1080, "rate": 0.12, "low": 0.1134, "high": 0.1269},
    "holdout": {"users": 1000, "converted": 100, "rate": 0.1, "low": 0.0829, "high": 0.1202},
    "pending": 2411,
    "difference": {"value": 0.02, "low": -0.0012, "high": 0.0385},
    "trial": {
        "started_at": "2026-06-01T09:30:00Z",
        "ends_at": "2027-06-01T09:30:00Z",
        "treated": {"users": 54000, "converted": 6480, "rate": 0.12},
        "holdout": {"users": 6000, "converted": 600, "rate": 0.1},
        "difference": {"value": 0.02, "low": 0.005, "high": 0.0341},
        "verdict": "more_convert",
    },
}

get_lift = operation(
    "getLift",
    "Get the lift",
    "How many of the users convert that may be given something, how many of those held out (`config.holdout_percent`), "
    "and the difference. Each user counts once, by the first decision of the time.\n\n"
    "Read `trial.verdict` to learn whether actions help. You may look at it every day: over a whole trial it errs "
    "with a probability of 5 % at most. The intervals outside of `trial` are for one look, on a date set before.",
    scope=Scope.USERS_READ,
    tag="Analytics",
    parameters=[serializers.LiftQuerySerializer],
    answers=serializers.LiftResponseSerializer,
    example={"lift": _LIFT},
    problems=[INVALID_QUERY],
)
