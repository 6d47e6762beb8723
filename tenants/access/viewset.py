"""What every viewset of the API is: one a resource, whose actions each declare their scope."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.viewsets import ViewSetMixin

from tenants.access.view import TenantView, allowed


class TenantViewSet(ViewSetMixin, TenantView):
    """A resource: each request is one transaction in the tenant context of its key."""

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        self.allow = allowed(self.action_map)
        self.action = self.action_map.get(str(request.method).lower(), "")
        return super().dispatch(request, *args, **kwargs)
