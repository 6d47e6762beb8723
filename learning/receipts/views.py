"""What a tenant is told of its part in the shared patterns."""

from rest_framework.request import Request

from learning.receipts import schema, services
from learning.receipts.serializers import ReceiptListQuerySerializer
from retivo.api.json import Response
from retivo.api.serializers import sent_once
from tenants.access.view import TenantView


class LearningView(TenantView):
    @schema.get_learning
    def get(self, request: Request) -> Response:
        return Response({"learning": services.of_tenant(tenant_id=self.caller.tenant_id)})


class ReceiptsView(TenantView):
    @schema.list_receipts
    def get(self, request: Request) -> Response:
        query = ReceiptListQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        return Response(
            services.receipts(
                tenant_id=self.caller.tenant_id,
                limit=query.validated_data["limit"],
                after=query.validated_data.get("cursor"),
            )
        )
