"""The audit trail: each change of the control plane writes its entry in its own transaction."""

from typing import Any
from uuid import UUID

from django.db import connection

from retivo.api.json import encode


def record(*, actor: str, action: str, tenant_id: UUID, **detail: Any) -> None:
    """Append an entry. `detail` holds plain values; never a secret.

    The runtime role may insert entries and read none, so this is an INSERT without RETURNING, which the ORM has not.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tenants_auditentry (actor, action, tenant_id, detail) VALUES (%s, %s, %s, %s::jsonb)",
            [actor, action, tenant_id, encode(detail).decode()],
        )
