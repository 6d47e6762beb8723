"""Keys over HTTP: a partner's own, and those of its customers."""

from partners.keys import schema
from partners.viewset import PartnerViewSet
from tenants.api_keys.parties import Holder
from tenants.api_keys.views import key_viewset

PartnerKeyViewSet = key_viewset(PartnerViewSet, schema.OWN)


class CustomerKeyViewSet(key_viewset(PartnerViewSet, schema.OF_CUSTOMERS)):  # type: ignore[misc]
    """Keys of the customer in the path."""

    def holder(self) -> Holder:
        return Holder(tenant_id=self.customer_id(self.kwargs["customer_id"]), partner_id=self.caller.tenant_id)
