"""What OpenAPI says of a partner's endpoints."""

from functools import partial
from typing import Any

from partners.endpoints import serializers
from partners.operation import ENDPOINTS, INTEGRATION, TEMPLATE, partner_operation
from retivo.api.schema import INVALID_QUERY, KEY_IN_USE, NOT_FOUND, Link, Success, conflict
from tenants.models import Scope

_CHECKED = {"check": "signed_probe", "passed": True, "saw": "200", "why": None}
_NOT_PASSED = {
    "check": "wrong_signature",
    "passed": False,
    "saw": "200",
    "why": "A probe signed with another secret must be refused with a 4xx: verify the signature of the raw body.",
}
_RECOVERY: dict[str, Any] = {
    "id": "rcv_8h2m5t9w1c4n",
    "status": "running",
    "since": "2026-11-01T06:00:00Z",
    "until": None,
    "actions": 1840,
    "customers": 212,
    "replayed": 400,
    "created_at": "2026-11-01T09:30:00Z",
    "finished_at": None,
}
_CERTIFICATION: dict[str, Any] = {
    "id": "crt_3x6v0b8k5z1q",
    "integration_id": INTEGRATION["id"],
    "status": "running",
    "report": [_CHECKED],
    "created_at": "2026-11-01T09:31:00Z",
    "finished_at": None,
}
_ENDPOINT: dict[str, Any] = {
    "id": "4c1d7f0a-9b2e-5d38-8f61-0a7c3e5b9d24",
    "url": TEMPLATE["delivery_webhook"],
    "integration_ids": [INTEGRATION["id"]],
    "status": "disabled",
    "since": "2026-11-01T07:12:45Z",
    "disabled_because": "endpoint_gone",
    "last_success_at": "2026-11-01T07:12:31Z",
    "last_failure": {"at": "2026-11-01T07:12:45Z", "status_code": 410, "error": None},
    "latency_ms": {"p50": 84, "p95": 310},
    "waiting": 12,
    "failed_24h": 1840,
    "customers_affected": 212,
    "certified_at": None,
}
_DETAIL = {**_ENDPOINT, "recovery": _RECOVERY, "certifications": [_CERTIFICATION]}

_reading = partial(partner_operation, scope=Scope.PARTNER_READ, tag=ENDPOINTS)
_acting = partial(partner_operation, scope=Scope.PARTNER_INTEGRATIONS, tag=ENDPOINTS)

list_endpoints = _reading(
    "listEndpoints",
    "List endpoints",
    "The addresses that your integrations' actions are sent to, in the order of their registration, each with how it "
    "is: `well`; `slow`, which takes longer than two seconds to answer; `failing`, since it last answered; `open`, "
    "which failed so often that it is left alone for a while, again and again until it answers; `disabled`, to which "
    "nothing is sent until you enable it.",
    parameters=[serializers.EndpointListQuerySerializer],
    answers=serializers.EndpointListSerializer,
    example={"endpoints": [_ENDPOINT], "total": 1, "total_is_exact": True, "next_cursor": None},
    problems=[INVALID_QUERY],
)

get_endpoint = _reading(
    "getEndpoint",
    "Get an endpoint",
    "One of your endpoints, with its newest recovery, and the newest certification for each integration.",
    answers=serializers.EndpointResponseSerializer,
    example={"endpoint": _DETAIL},
    problems=[NOT_FOUND],
)

enable_endpoint = _acting(
    "enableEndpoint",
    "Enable an endpoint",
    "Has an endpoint tried again from now on that is disabled, or left alone for a while. What waits for it is sent at "
    "once; what failed there is sent again when you recover it. One that is well stays as it is.",
    takes=serializers.EnableRequestSerializer,
    requests={"Enable": {}},
    answers=serializers.EndpointResponseSerializer,
    example={
        "endpoint": {**_DETAIL, "status": "well", "since": "2026-11-01T09:29:58Z", "disabled_because": None},
    },
    problems=[NOT_FOUND, KEY_IN_USE],
)

recover_endpoint = _acting(
    "recoverEndpoint",
    "Recover an endpoint",
    "Sends actions again that failed there and have not expired, of all customers: those that were dispatched within "
    "the window. At most 200 a second are put on their way, each once, under the same id and with the whole schedule "
    "of retries. The same window asked for twice is the same recovery, which goes on if it was stopped because the "
    "endpoint was disabled. Of an endpoint one recovery runs at a time. With `dry_run` nothing is sent, and the "
    "answer is 200 with what would be.",
    takes=serializers.RecoverRequestSerializer,
    requests={
        "Since a time": {"since": _RECOVERY["since"]},
        "A window, counted": {"since": _RECOVERY["since"], "until": "2026-11-01T08:00:00Z", "dry_run": True},
    },
    status=202,
    answers=serializers.RecoveryResponseSerializer,
    example={"recovery": {**_RECOVERY, "replayed": 0}},
    also={
        200: Success(
            serializers.RecoveryDryRunResponseSerializer,
            200,
            {"dry_run": {name: _RECOVERY[name] for name in ("since", "until", "actions", "customers")}},
        )
    },
    problems=[
        NOT_FOUND,
        conflict(
            "endpoint_disabled",
            "This endpoint is disabled, so all would fail again. Enable it first.",
            recovery_in_progress="A recovery of another window of this endpoint is under way: wait until it is over.",
        ),
    ],
    links=[Link("getRecovery", "recoveryId", "/recovery/id")],
)

get_recovery = _reading(
    "getRecovery",
    "Get a recovery",
    "How far a recovery has got.",
    answers=serializers.RecoveryResponseSerializer,
    example={"recovery": _RECOVERY},
    problems=[NOT_FOUND],
)

certify_endpoint = _acting(
    "certifyEndpoint",
    "Certify an endpoint",
    'Sends probes there, which have `"probe": true` and are no actions: a signed one, one with a wrong signature, one '
    "signed 10 minutes ago, one twice with the same `webhook-id`, one with an unknown field, one of 256 KiB, and one "
    "with two signatures as during a rotation. Once all checks pass, the endpoint is certified, until its URL or the "
    "secret changes.",
    takes=serializers.CertifyRequestSerializer,
    requests={"The one integration": {}, "One of several": {"integration_id": INTEGRATION["id"]}},
    status=202,
    answers=serializers.CertificationResponseSerializer,
    example={"certification": {**_CERTIFICATION, "report": []}},
    problems=[
        NOT_FOUND,
        conflict(
            "endpoint_unused",
            "No integration of yours sends to this endpoint any more.",
            several_integrations="Several integrations send there: name one in `integration_id`.",
        ),
    ],
    links=[Link("getCertification", "certificationId", "/certification/id")],
)

get_certification = _reading(
    "getCertification",
    "Get a certification",
    "What the checks saw that are done so far.",
    answers=serializers.CertificationResponseSerializer,
    example={"certification": {**_CERTIFICATION, "status": "failed", "report": [_CHECKED, _NOT_PASSED]}},
    problems=[NOT_FOUND],
)
