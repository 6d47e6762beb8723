"""What a partner does with its integrations, in its tenant context."""

from typing import Any
from uuid import UUID

from django.db import connection

from integrations import services as integrations
from learning.patterns import library
from retivo.api.errors import not_found


def share_integration(*, actor: str, partner_id: UUID, integration_id: UUID, customer_id: UUID) -> dict[str, Any]:
    """Give a customer an integration. Doing it again changes nothing and answers the same.

    Raises:
        Problem: 404 unless both are the partner's.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM tenants_tenant WHERE id = %(customer_id)s AND parent_id = %(partner_id)s",
            {"customer_id": customer_id, "partner_id": partner_id},
        )
        if cursor.fetchone() is None:
            raise not_found()
    registered = integrations.share(
        actor=actor, partner_id=partner_id, integration_id=integration_id, customer_id=customer_id
    )
    warm = library.warm_start(partner_id=partner_id, customer_id=customer_id, integration_id=integration_id)
    return {"shared": True, "action_types_registered": registered, "warm_start": warm}
