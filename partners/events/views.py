"""A partner's events over HTTP."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from partners.events import schema, services
from partners.events.serializers import EventListQuerySerializer
from partners.viewset import PartnerViewSet
from retivo.api.json import Response, encode
from retivo.api.serializers import sent_once
from tenants.access.authentication import Query


class EventViewSet(PartnerViewSet):
    """The feed, which is read by one statement, without a transaction around it."""

    after: str | None = None

    def answered(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self.respond(request) if self.action == "list" else super().answered(request, *args, **kwargs)

    def asked(self) -> Query | None:
        if self.action != "list":
            return None
        query = EventListQuerySerializer(data=sent_once(self.request.query_params))
        query.is_valid(raise_exception=True)
        self.after = query.validated_data.get("after")
        return services.page_query(where=query.where, after=self.after, limit=query.validated_data["limit"])

    @schema.list_events
    def list(self, request: Request) -> Response:
        answer: Any = request.auth
        return Response(encode(services.page(answer, after=self.after)))


class EventTypeViewSet(PartnerViewSet):
    @schema.list_event_types
    def list(self, request: Request) -> Response:
        types = services.event_types()
        return Response({"event_types": types, "total": len(types), "next_cursor": None})
