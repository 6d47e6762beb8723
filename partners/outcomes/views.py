"""A partner's reports of outcomes over HTTP."""

from typing import Any

from rest_framework.request import Request

from partners.outcomes import schema, services
from partners.outcomes.serializers import OutcomesRequestSerializer
from partners.viewset import PartnerViewSet
from retivo.api.json import Response


class OutcomeViewSet(PartnerViewSet):
    @schema.report_outcomes
    def create(self, request: Request) -> Response:
        def report() -> tuple[int, Any]:
            body = OutcomesRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            return 200, services.report(
                actor=self.caller.actor, partner_id=self.caller.tenant_id, batch=body.validated_data["outcomes"]
            )

        return self.once(request, report)
