"""What OpenAPI says of the audit trail, of a tenant's own and of a partner's."""

from collections.abc import Callable
from typing import Any

from retivo.api.operation import Decorator, operation
from retivo.api.schema import INVALID_QUERY
from tenants.audit import serializers
from tenants.models import Scope

TAG = "Audit"

ENTRY: dict[str, Any] = {
    "id": "aud_0c8e4f1d2b7a4c35a9d6e1f08b3c5d72",
    "seq": 4182,
    "created_at": "2026-12-02T10:00:00.123456Z",
    "actor": {"type": "api_key", "id": "c1f4c7a2-8a55-4e0e-b5a8-0f6c2b7d9e30", "label": "Backend"},
    "action": "customer.updated",
    "target": None,
    "customer": {"tenant_id": "0b9f6d7e-5a3c-4c57-9d0e-3f5d1f6a7b21", "external_id": "shop-1841"},
    "changes": [{"field": "plan_tier", "from": "starter", "to": "growth"}],
    "request_id": "4a1f0c7e2b9d4c58a6e3d1b70f92c844",
    "ip": "203.0.113.7",
    "redacted": False,
    "content_salt": "6f1c0a9e4d7b42c8b35e8a1f20d94c67",
    "content_sha256": "a5c1d0c5b4f6f9d0f0f3c9be4a2c1b8f0f7b7d5b4c3a29181716151413121110",
    "previous_hash": "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
    "hash": "9b74c9897bac770ffc029102a200c5de2a1c7a5d5a2f3ab0f8c4e6d0b1a29384",
}
_OWN = ENTRY | {
    "action": "api_key.revoked",
    "customer": None,
    "target": {"type": "api_key", "id": "7a1d5b0c-93f2-4c1e-8a57-2d6e0f4b9c18"},
    "changes": [
        {"field": "key_id", "from": None, "to": "7a1d5b0c-93f2-4c1e-8a57-2d6e0f4b9c18"},
        {"field": "prefix", "from": None, "to": "rt_live_9kLm"},
    ],
}
CHECKPOINT = {
    "day": "2026-12-03",
    "signed_at": "2026-12-03T00:13:01Z",
    "seq": 4182,
    "hash": ENTRY["hash"],
    "jws": "eyJhbGciOiJFZERTQSIsImtpZCI6ImtQcksifQ.eyJkYXkiOiIyMDI2LTEyLTAzIn0.c2lnbmF0dXJl",
}

_HOW = (
    " The newest come first. An entry is there as soon as the change is; none is ever changed or taken out. Its `hash` "
    "chains it to the entry before.\n\nWith `Accept: application/x-ndjson` all entries are streamed, oldest first and "
    "without pages."
)


def list_entries(make: Callable[..., Decorator], name: str, summary: str, what: str, **more: Any) -> Decorator:
    """`more` is what differs between the places: scope, parameters, example."""
    example = more.pop("example")
    return make(
        name,
        summary,
        what + _HOW,
        tag=TAG,
        answers=serializers.AuditListSerializer,
        example={"entries": [example], "total": 1, "total_is_exact": True, "next_cursor": None},
        streamed={"application/x-ndjson": (serializers.AuditEntrySerializer, example)},
        problems=[INVALID_QUERY],
        **more,
    )


def list_checkpoints(make: Callable[..., Decorator], name: str, summary: str, what: str, *, scope: Scope) -> Decorator:
    return make(
        name,
        summary,
        f"{what} One is made each day on which there are new entries. Keep them: an entry that was changed, put in or "
        "taken out before a checkpoint was made no longer leads to its `hash`.",
        scope=scope,
        tag=TAG,
        parameters=[serializers.CheckpointQuerySerializer],
        answers=serializers.AuditCheckpointListSerializer,
        example={"checkpoints": [CHECKPOINT], "total": 1, "total_is_exact": True, "next_cursor": None},
        problems=[INVALID_QUERY],
    )


list_own_entries = list_entries(
    operation,
    "listAuditEntries",
    "List your audit trail",
    "What was changed about your tenant: by your keys, your partner's, or Retivo's staff. What was changed about its "
    "customers, a partner lists at `/api/partners/audit`.",
    scope=Scope.SETTINGS_WRITE,
    parameters=[serializers.AuditQuerySerializer],
    example=_OWN,
)

list_own_checkpoints = list_checkpoints(
    operation,
    "listAuditCheckpoints",
    "List signed checkpoints of your audit trail",
    "Where the chain of your audit trail stood, signed. A partner and its customers have none here: their entries are "
    "in one chain, whose checkpoints the partner lists at `/api/partners/audit/checkpoints`.",
    scope=Scope.SETTINGS_WRITE,
)
