"""Who may use the Partner API."""

from rest_framework.request import Request
from rest_framework.views import APIView

from retivo.api.errors import Problem
from tenants.access.authentication import caller_of
from tenants.access.view import HasScope
from tenants.models import TenantRole


class IsPartner(HasScope):
    """The key holds the scope of the operation and its tenant is a partner; each has its own refusal."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        super().has_permission(request, view)
        if caller_of(request).tenant_role != TenantRole.PARTNER:
            raise Problem(403, "tenant_not_partner", "Only a tenant with the role `partner` may use the Partner API.")
        return True
