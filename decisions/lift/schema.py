"""What OpenAPI says of lift."""

from decisions.lift import serializers
from retivo.api.operation import operation
from retivo.api.schema import INVALID_QUERY
from tenants.models import Scope

_LIFT = {
    "days": 30,
    "conversion_event": "purchase_completed",
    "treated": {"users": 9000, "converted": 1080, "rate": 0.12, "low": 0.1134, "high": 0.1269},
    "holdout": {"users": 1000, "converted": 100, "rate": 0.1, "low": 0.0829, "high": 0.1202},
    "difference": {"value": 0.02, "low": -0.0012, "high": 0.0385},
}

get_lift = operation(
    "getLift",
    "Get the lift",
    "How many of the users convert that may be given something, how many of those held out (`config.holdout_percent`), "
    "and the difference, with 95 % intervals. Each user counts once, by the first decision of the time.",
    scope=Scope.USERS_READ,
    tag="Analytics",
    parameters=[serializers.LiftQuerySerializer],
    answers=serializers.LiftResponseSerializer,
    example={"lift": _LIFT},
    problems=[INVALID_QUERY],
)
