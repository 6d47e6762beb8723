"""The audit trail: each change of the control plane writes its entry in its own transaction."""

from typing import Any
from uuid import UUID

from django.db import connection

from retivo.api.json import encode
from retivo.logging import caller_address


def record(*, actor: str, action: str, tenant_id: UUID | None, **detail: Any) -> None:
    """Append an entry. `detail` holds plain values; never a secret. A staff account is of no tenant.

    The address is that of the request which is being answered, if one is.

    The runtime role may insert entries and read none, so this is an INSERT without RETURNING, which the ORM has not.
    """
    with connection.cursor() as cursor:
        cursor.execute(RECORD, entry(actor=actor, action=action, tenant_id=tenant_id, **detail))


def entry(*, actor: str, action: str, tenant_id: UUID | None, **detail: Any) -> dict[str, Any]:
    """The parameters of RECORD."""
    return {
        "actor": actor,
        "action": action,
        "tenant_id": tenant_id,
        "address": caller_address(),
        "detail": encode(detail).decode(),
    }


# Also for a statement that makes the change itself.
RECORD = """
    INSERT INTO tenants_auditentry (actor, action, tenant_id, address, detail)
    VALUES (%(actor)s, %(action)s, %(tenant_id)s, %(address)s::inet, %(detail)s::jsonb)
"""
