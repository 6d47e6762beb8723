"""What OpenAPI says of Mixpanel's endpoints."""

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from events.connectors.mixpanel import translation
from events.connectors.mixpanel.serializers import MixpanelEndpointOutcomeSerializer, MixpanelOutcomeSerializer
from events.connectors.shared.schema import BASIC, MALFORMED, one_of, takes
from retivo.api.operation import Decorator, described
from retivo.api.schema import NO_FULL_ACCESS, NOT_FOUND, Problems
from tenants.models import Scope

_EVENT = {
    "event": "purchase_completed",
    "properties": {
        "distinct_id": "user-42",
        "time": 1777197600,
        "$insert_id": "5d958f87-542d-4c10-9422-0ed75893dc81",
        "value": 19.9,
    },
}

_ABOUT = (
    f"{BASIC}, or `token` in an event's properties. A form whose field `data` is the JSON, in base64 or not, is taken "
    "as well, and answered with a bare `1` unless `verbose=1`; so are lines of JSON as application/x-ndjson."
)

# What the SDK for Node sends of a single event. An answer of more than a digit is a failure to it.
query: Decorator = described(
    scope=Scope.EVENTS_WRITE,
    operation_id="mixpanelQuery",
    summary="Take a single message from Mixpanel's SDK for Node",
    description=(
        "The same in a query, as that SDK sends what is not in a batch: 1 for taken, 0 for rejected, and with "
        "`verbose=1` what a POST answers. The key is in the query, too, so see to it that nobody logs it."
    ),
    tags=["Connectors"],
    parameters=[
        one_of("endpoint", translation.KINDS),
        OpenApiParameter(
            "data",
            {"type": "string", "format": "mixpanel-data"},
            OpenApiParameter.QUERY,
            required=True,
            description="The JSON, in base64.",
            examples=[OpenApiExample("An event", "eyJldmVudCI6ImUiLCJwcm9wZXJ0aWVzIjp7ImRpc3RpbmN0X2lkIjoidSJ9fQ==")],
        ),
    ],
    responses={
        200: OpenApiResponse({"type": "integer", "enum": [0, 1]}, "OK", [OpenApiExample("Success", 1)]),
        400: Problems("MalformedQuery", 400, {"malformed_batch": MALFORMED.examples["malformed_batch"]}),
        403: NO_FULL_ACCESS,
        404: NOT_FOUND,
    },
)
events = takes(
    "mixpanelEvents",
    "Take events from Mixpanel",
    f"One event or an array of them. {_ABOUT}",
    outcome=MixpanelOutcomeSerializer,
    answer={"status": 1, "error": None},
    example=_EVENT,
)

endpoint = takes(
    "mixpanelEndpoint",
    "Take what Mixpanel's SDKs send",
    "What the SDKs send whose host is `…/api/connectors/mixpanel`: events, profile updates, whose `$set` and "
    f"`$set_once` become traits, and groups, which are skipped. {_ABOUT}",
    outcome=MixpanelEndpointOutcomeSerializer,
    answer={"status": 1, "error": None},
    example=[_EVENT],
    parameter=one_of("endpoint", translation.KINDS),
)
