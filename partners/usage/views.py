"""A partner's usage and alerts over HTTP."""

from typing import Any

from django.http.response import HttpResponseBase, StreamingHttpResponse
from rest_framework.request import Request

from events.models import UsageUnit
from events.usage import alerts
from events.usage.reading import Asked
from partners.usage import schema, services
from partners.usage.serializers import UsageAlertSerializer, UsageQuerySerializer
from partners.viewset import PartnerViewSet
from retivo.api.accept import preferred_type
from retivo.api.json import Response
from retivo.api.serializers import sent_once
from tenants.access.authentication import key_context

_STREAMED: dict[str, Any] = {"application/x-ndjson": services.lines, "text/csv": services.table}


class UsageViewSet(PartnerViewSet):
    @schema.list_usage
    def list(self, request: Request) -> HttpResponseBase:
        query = UsageQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        found = query.validated_data
        reference = found.get("customer_id")
        asked = Asked(
            unit=UsageUnit(found["granularity"]),
            first=found["from"][0] if "from" in found else None,
            last=found["to"][1] if "to" in found else None,
            customer_id=reference and self.customer_id(reference),
            metrics=found["metrics"],
        )
        wanted = preferred_type(request, "application/json", *_STREAMED)
        if wanted in _STREAMED:
            pieces = _STREAMED[wanted](asked=asked, context=key_context(self.key))
            return StreamingHttpResponse(pieces, content_type=wanted)
        return Response(services.page(asked=asked, limit=found["limit"], after=found.get("cursor")))


class UsageAlertViewSet(PartnerViewSet):
    @schema.list_usage_alerts
    def list(self, request: Request) -> Response:
        return Response(services.list_alerts(partner_id=self.caller.tenant_id))

    @schema.set_usage_alert
    def update(self, request: Request) -> Response:
        body = UsageAlertSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        alert = alerts.set_alert(actor=self.caller.actor, partner_id=self.caller.tenant_id, **body.validated_data)
        return Response({"usage_alert": alert})
