"""The ledger over HTTP: each method one call into a service."""

from django.http import StreamingHttpResponse
from rest_framework.request import Request

from decisions.ledger import schema, services
from decisions.ledger.serializers import DecisionListQuerySerializer, ExportQuerySerializer
from retivo.api.json import Response
from retivo.api.serializers import sent_once
from tenants.access.authentication import key_context
from tenants.access.view import TenantView


class DecisionsView(TenantView):
    @schema.list_decisions
    def get(self, request: Request) -> Response:
        query = DecisionListQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        return Response(services.list_decisions(tenant_id=self.caller.tenant_id, **query.asked))


class DecisionView(TenantView):
    @schema.get_decision
    def get(self, request: Request, decision_id: str) -> Response:
        return Response({"decision": services.get_decision(tenant_id=self.caller.tenant_id, decision_id=decision_id)})


class ExportView(TenantView):
    @schema.export_decisions
    def get(self, request: Request) -> StreamingHttpResponse:
        query = ExportQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        context = key_context(self.key)
        lines = services.export(tenant_id=self.caller.tenant_id, context=context, **query.validated_data)
        return StreamingHttpResponse(lines, content_type="application/x-ndjson")
