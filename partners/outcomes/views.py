"""A partner's reports of outcomes over HTTP."""

from typing import Any

from rest_framework.request import Request

from events.ingestion.views import json_body
from partners.outcomes import schema, serializers, services
from partners.viewset import PartnerViewSet
from retivo.api.json import Response


class OutcomeViewSet(PartnerViewSet):
    @schema.report_outcomes
    def create(self, request: Request) -> Response:
        def report() -> tuple[int, Any]:
            batch = serializers.read(json_body(request))
            return 200, services.report(actor=self.caller.actor, partner_id=self.caller.tenant_id, batch=batch)

        return self.once(request, report)
