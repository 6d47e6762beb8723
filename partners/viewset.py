"""What every viewset of the Partner API is."""

from uuid import UUID

from django.db import connection

from partners.permissions import IsPartner
from partners.references import CustomerReference, checked
from retivo.api.errors import not_found
from tenants.access.viewset import TenantViewSet
from tenants.deletion.named import named_in


class PartnerViewSet(TenantViewSet):
    """A resource of the Partner API: each request is one transaction in the partner's tenant context."""

    permission_classes = [IsPartner]
    named: frozenset[str] = frozenset()  # customers that the request is about

    def customer_id(self, reference: CustomerReference) -> UUID:
        """The tenant of one of the caller's customers.

        Raises:
            Problem: 404 if the caller has no such customer, 400 for what is no external id.
        """
        by, value = "id", str(reference.tenant_id)
        if reference.external_id is not None:
            by, value = "external_id", checked(reference.external_id)
        with connection.cursor() as cursor:
            cursor.execute(_FIND[by], {"partner_id": self.caller.tenant_id, "value": value})
            row = cursor.fetchone()
        if row is None:
            raise not_found()
        customer_id: UUID = row[0]
        self.named |= {str(customer_id)}
        return customer_id

    def customers_named(self, body: bytes) -> frozenset[str]:
        return self.named | named_in(body)


_FIND = {
    by: f"SELECT id FROM tenants_tenant WHERE parent_id = %(partner_id)s AND {by} = %(value)s::{kind}"  # noqa: S608  # constants
    for by, kind in (("id", "uuid"), ("external_id", "text"))
}
