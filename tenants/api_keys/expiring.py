"""A partner is told that a key expires: 7 days before, and 1 day before."""

from uuid import UUID

from django.db import connection

from tenants import outbox

_DAYS = "CASE WHEN expires_at <= now() + interval '1 day' THEN 1 ELSE 7 END"
_DUE = f"""
    revoked_at IS NULL AND expires_at > now() AND expires_at <= now() + interval '7 days'
    AND coalesce(expiry_told, 8) > {_DAYS}
"""

# The tenants who have keys of which something is to be told.
TENANTS = f"SELECT tenant_id FROM tenants_apikey WHERE {_DUE}"  # noqa: S608  # a constant

_TELL = f"""
    UPDATE tenants_apikey SET expiry_told = {_DAYS} WHERE tenant_id = %s AND {_DUE}
    RETURNING id, prefix, expiry_told, expires_at
"""  # noqa: S608  # a constant


def tell(*, tenant_id: UUID) -> None:
    """Tell the tenant's partner, in one transaction with the note that it was told: each is told exactly once."""
    with connection.cursor() as cursor:
        cursor.execute(_TELL, [tenant_id])
        told = cursor.fetchall()
    for key_id, prefix, days, expires_at in told:
        data = {"key_id": key_id, "prefix": prefix, "days": days, "expires_at": expires_at}
        outbox.announce(action="api_key.expiring", tenant_id=tenant_id, data=data)
