"""Customers by what their partner calls them."""

from typing import Any
from urllib.parse import quote

from tenants.context import staff_context
from tenants.models import AuditEntry, PartnerEvent, Tenant
from tests.conftest import Api

PATH = "/api/partners/customers"


def path(external_id: str) -> str:
    return f"{PATH}/ext:{quote(external_id, safe='')}"


def put(api: Api, external_id: str, **fields: Any) -> Any:
    return api.put(path(external_id), {"name": "Merchant ABC", **fields})


def told(api: Api) -> tuple[int, int]:
    """How many entries and events there are of the partner and its customers."""
    with staff_context():
        tenants = Tenant.objects.filter(parent_id=api.tenant_id).values_list("id", flat=True)
        entries = AuditEntry.objects.filter(tenant_id__in=[*tenants, api.tenant_id]).count()
        return entries, PartnerEvent.objects.filter(tenant_id=api.tenant_id).count()
