"""The Partner API's stats and patterns over HTTP."""

from rest_framework.request import Request

from partners.overview import schema, services
from partners.overview.serializers import StatsQuerySerializer
from partners.viewset import PartnerViewSet
from retivo.api.json import Response
from retivo.api.serializers import sent_once


class PatternViewSet(PartnerViewSet):
    @schema.list_patterns
    def list(self, request: Request) -> Response:
        return Response(services.list_patterns(partner_id=self.caller.tenant_id))


class StatsViewSet(PartnerViewSet):
    @schema.get_partner_stats
    def list(self, request: Request) -> Response:
        query = StatsQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        stats = services.partner_stats(
            partner_id=self.caller.tenant_id,
            where=query.where,
            page=query.page,
            month=query.validated_data.get("month"),
        )
        return Response(stats)
