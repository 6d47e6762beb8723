"""What OpenAPI says of a partner's reports of outcomes."""

from partners.operation import INTEGRATIONS, partner_operation
from partners.outcomes import serializers
from retivo.api.schema import KEY_IN_USE, Problems
from tenants.models import Scope

report_outcomes = partner_operation(
    "reportOutcomes",
    "Report outcomes of your customers' actions",
    "What came of up to 100 actions of your integrations, of whichever customers. Each is taken or refused by itself. "
    "Of several reports of an action the first stands, whoever sent it. An action that is not of your integrations is "
    "`not_found`, as one that does not exist.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=INTEGRATIONS,
    takes=serializers.OutcomesRequestSerializer,
    requests={
        "Two outcomes": {
            "outcomes": [
                {
                    "action_id": "ea_0b9f6d7e5a3c4c579d0e3f5d1f6a7b21",
                    "status": "completed",
                    "result": {"balance": 150},
                },
                {"action_id": "ea_5d2c8a1e1f0b4a8e8d439a0f7c6b5e12", "status": "ignored"},
            ]
        }
    },
    answers=serializers.OutcomesResponseSerializer,
    example={
        "recorded": 1,
        "duplicates": 0,
        "rejected": [
            {"index": 1, "code": "not_found", "detail": "There is nothing here that this API key can see."},
        ],
    },
    problems=[
        KEY_IN_USE,
        Problems(
            "TooManyOutcomes",
            413,
            {
                "batch_too_large": "A batch holds at most 100 outcomes; this one has 101.",
                "body_too_large": "The body may be at most 1 MiB.",
            },
        ),
    ],
)
