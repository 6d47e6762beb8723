"""What OpenAPI says of a tenant's part in the shared patterns."""

from functools import partial

from learning.receipts import serializers
from retivo.api.operation import operation
from retivo.api.schema import INVALID_QUERY
from tenants.models import Scope

_operation = partial(operation, scope=Scope.SETTINGS_WRITE, tag="Settings")

get_learning = _operation(
    "getLearning",
    "Get your part in shared patterns",
    "Your consent as it is in effect, the privacy you have spent, and how far you decide by patterns.",
    answers=serializers.LearningResponseSerializer,
    example={
        "learning": {
            "consent": {"own": "contribute", "partners": "contribute", "effective": "contribute"},
            "privacy": {"epsilon": 0.477, "budget": 1.0, "delta": 1e-6},
            "patterns": {"weight": 0.93, "misleading": False},
        }
    },
)

list_receipts = _operation(
    "listLearningReceipts",
    "List your receipts",
    "The releases of patterns that you contributed to, newest first, and what each cost you.",
    parameters=[serializers.ReceiptListQuerySerializer],
    answers=serializers.ReceiptListSerializer,
    example={
        "receipts": [{"release": 12, "date": "2026-11-20", "epsilon": 0.477}],
        "total": 1,
        "next_cursor": None,
    },
    problems=[INVALID_QUERY],
)
