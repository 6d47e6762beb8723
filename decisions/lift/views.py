"""Lift over HTTP."""

from datetime import UTC, datetime

from rest_framework.request import Request

from decisions.lift import schema, services
from decisions.lift.serializers import LiftQuerySerializer
from retivo.api.json import Response
from retivo.api.serializers import sent_once
from tenants.access.view import TenantView


class LiftView(TenantView):
    @schema.get_lift
    def get(self, request: Request) -> Response:
        query = LiftQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        return Response(
            {
                "lift": services.lift(
                    tenant_id=self.caller.tenant_id, days=query.validated_data["days"], now=datetime.now(UTC)
                )
            }
        )
