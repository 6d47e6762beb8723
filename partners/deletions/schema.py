"""What OpenAPI says of deletions of a partner's customers."""

from typing import Any

from partners.deletions import serializers
from partners.operation import CUSTOMER, CUSTOMERS, partner_operation
from retivo.api.schema import INVALID_QUERY, NOT_FOUND
from tenants.models import Scope

_HASH = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"

SCHEDULED: dict[str, Any] = {
    "id": "del_3f1f0f3a9d0c4a6bb6f3f4d9a1c2e7b5",
    "status": "scheduled",
    "tenant_id": CUSTOMER["tenant_id"],
    "tenant_id_hash": _HASH,
    "external_id_hash": None,
    "requested_by": "api_key:c1f4c7a2-8a55-4e0e-b5a8-0f6c2b7d9e30",
    "requested_at": "2026-11-29T10:00:00Z",
    "delete_at": "2026-12-29T10:00:00Z",
    "reason": "The contract ended.",
    "started_at": None,
    "finished_at": None,
    "rows_deleted": 0,
    "failure": None,
    "certificate": None,
}

_VERIFIED: dict[str, Any] = {
    **SCHEDULED,
    "status": "verified",
    "tenant_id": None,
    "reason": "",
    "started_at": "2026-12-29T10:00:30Z",
    "finished_at": "2026-12-29T10:01:42Z",
    "rows_deleted": 52719,
    "certificate": {
        "deletion_id": SCHEDULED["id"],
        "tenant_id_hash": _HASH,
        "external_id_hash": None,
        "requested_by": SCHEDULED["requested_by"],
        "requested_at": SCHEDULED["requested_at"],
        "finished_at": "2026-12-29T10:01:42Z",
        "tables": [
            {"table": "events_event", "deleted": 52718, "left": 0},
            {"table": "tenants_tenant", "deleted": 1, "left": 0},
        ],
        "kept": [{"table": "tenants_deletion", "why": "This certificate. Hashes stand for the ids."}],
        "releases_contributed": [{"release": 12, "epsilon": 0.08}],
        "statement_on_patterns": "Aggregates that were released before with differential privacy stay …",
        "backups_expire_at": "2027-01-05T10:01:42Z",
        "jws": "eyJhbGciOiJFZERTQSIsImtpZCI6…",
    },
}

list_deletions = partner_operation(
    "listDeletions",
    "List deletions",
    "Deletions of your customers, the newest first. They stay when the customers are gone.",
    scope=Scope.PARTNER_READ,
    tag=CUSTOMERS,
    parameters=[serializers.DeletionListQuerySerializer],
    answers=serializers.DeletionListSerializer,
    example={"deletions": [SCHEDULED], "total": 1, "next_cursor": None},
    problems=[INVALID_QUERY],
)

get_deletion = partner_operation(
    "getDeletion",
    "Get a deletion",
    "How far a deletion is and, once no row is left, its certificate. It can be verified without Retivo, by the public "
    "keys at `/api/.well-known/retivo-keys`.",
    scope=Scope.PARTNER_READ,
    tag=CUSTOMERS,
    answers=serializers.DeletionResponseSerializer,
    example={"deletion": _VERIFIED},
    problems=[NOT_FOUND],
)
