"""What every viewset of the Partner API is: one a resource, whose actions each declare their scope."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.viewsets import ViewSetMixin

from partners.permissions import IsPartner
from tenants.access.view import TenantView, allowed


class PartnerViewSet(ViewSetMixin, TenantView):
    """A resource of the Partner API: each request is one transaction in the partner's tenant context."""

    permission_classes = [IsPartner]

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        self.allow = allowed(self.action_map)
        self.action = self.action_map.get(str(request.method).lower(), "")
        return super().dispatch(request, *args, **kwargs)
