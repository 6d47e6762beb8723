"""What OpenAPI says of keys in the Partner API."""

from partners.operation import CUSTOMER_ID, CUSTOMERS, FORBIDDEN, KEYS
from tenants.api_keys.schema import place
from tenants.models import Scope

OWN = place("PartnerApi", "your", scope=Scope.PARTNER_KEYS, tag=KEYS, forbidden=FORBIDDEN)
OF_CUSTOMERS = place(
    "CustomerApi",
    "a customer's",
    scope=Scope.PARTNER_KEYS,
    tag=CUSTOMERS,
    forbidden=FORBIDDEN,
    may_be_missing=True,
    may_be_calling=False,
    within=[CUSTOMER_ID],
)
