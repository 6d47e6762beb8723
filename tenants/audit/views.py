"""The audit trail over HTTP."""

from typing import Any

from django.http.response import HttpResponseBase, StreamingHttpResponse
from rest_framework.decorators import action
from rest_framework.request import Request

from retivo.api.accept import preferred_type
from retivo.api.json import Response
from retivo.api.serializers import sent_once
from tenants.access.authentication import key_context
from tenants.access.view import TenantView
from tenants.access.viewset import TenantViewSet
from tenants.audit import checkpoints, schema, services
from tenants.audit.serializers import AuditQuerySerializer, CheckpointQuerySerializer
from tenants.audit.services import Whose

_LINES = "application/x-ndjson"


class AuditViewSet(TenantViewSet):
    @schema.list_own_entries
    def list(self, request: Request) -> HttpResponseBase:
        query = AuditQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        return answer_entries(self, query, self._own)

    @schema.list_own_checkpoints
    @action(detail=False)
    def checkpoints(self, request: Request) -> Response:
        return answer_checkpoints(request, self._own)

    @property
    def _own(self) -> Whose:
        return Whose.own(self.caller.tenant_id, self.caller.tenant_role)


def answer_entries(view: TenantView, query: AuditQuerySerializer, whose: Whose | None) -> HttpResponseBase:
    """A page, or all of them where lines are asked for; none where `whose` is None."""
    if preferred_type(view.request, "application/json", _LINES) == _LINES:
        lines: Any = whose and services.export(whose=whose, where=query.where, context=key_context(view.key))
        return StreamingHttpResponse(lines or (), content_type=_LINES)
    if whose is None:
        return Response(services.no_entries())
    return Response(services.list_entries(whose=whose, where=query.where, **query.page))


def answer_checkpoints(request: Request, whose: Whose) -> Response:
    query = CheckpointQuerySerializer(data=sent_once(request.query_params))
    query.is_valid(raise_exception=True)
    page = {"limit": query.validated_data["limit"], "after": query.validated_data.get("cursor")}
    if not whose.is_family:  # a checkpoint tells of the chain of all
        return Response(checkpoints.no_checkpoints())
    return Response(checkpoints.list_checkpoints(family_id=whose.id, **page))
