"""What became of events, over HTTP: each method one call into a service."""

from rest_framework.request import Request

from events.readback import schema, services
from events.readback.serializers import EventListQuerySerializer, RejectionListQuerySerializer
from retivo.api.json import Response
from retivo.api.serializers import sent_once
from tenants.access.view import TenantView


class EventsView(TenantView):
    @schema.list_events
    def get(self, request: Request) -> Response:
        query = EventListQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        return Response(services.list_events(tenant_id=self.caller.tenant_id, **query.asked))


class RejectedEventsView(TenantView):
    @schema.list_rejected_events
    def get(self, request: Request) -> Response:
        query = RejectionListQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        return Response(services.list_rejected(tenant_id=self.caller.tenant_id, **query.asked))
