"""What OpenAPI says of the outcome URL."""

from drf_spectacular.utils import OpenApiParameter

from delivery import serializers
from delivery.outcomes import tokens
from delivery.outcomes.services import NO_ACTION
from retivo.api.operation import operation
from retivo.api.schema import Problems

report_by_url = operation(
    "reportOutcomeByUrl",
    "Report an outcome at an action's own URL",
    "What came of an action, by whoever was sent it: `outcome_url` in the webhook's body is this address, good for "
    "this action alone until 30 days after its `expires_at`. No key is needed. Of several reports the first stands; "
    "to a repeat of your own 409 `outcome_recorded` says that it arrived.",
    scope=None,
    tag="Actions",
    parameters=[
        OpenApiParameter(
            "token",
            {"type": "string", "pattern": f"^{tokens.PATTERN}$"},
            OpenApiParameter.PATH,
            description="As `outcome_url` has it. It is a secret.",
        )
    ],
    takes=serializers.OutcomeRequestSerializer,
    requests={
        "Completed": {"status": "completed", "result": {"balance": 150}},
        "Ignored": {"status": "ignored"},
    },
    answers=serializers.OutcomeResponseSerializer,
    example={
        "recorded": True,
        "action_id": "ea_0b9f6d7e5a3c4c579d0e3f5d1f6a7b21",
        "outcome_status": "completed",
    },
    problems=[
        Problems("NoActionAtUrl", 404, {"not_found": NO_ACTION}),
        Problems(
            "OutcomeStands",
            409,
            {
                "outcome_recorded": "The outcome `completed` is recorded already.",
                "action_not_sent": "This action has not been sent yet.",
            },
        ),
        Problems("OutcomeWindowOver", 410, {"outcome_window_over": "Outcomes of this action were taken until …"}),
    ],
    forbidden=None,
)
