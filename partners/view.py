"""What every view of the Partner API is."""

from partners.permissions import IsPartner
from tenants.access.view import TenantView
from tenants.models import Scope


class PartnerView(TenantView):
    required_scope = Scope.PARTNER
    permission_classes = [IsPartner]
