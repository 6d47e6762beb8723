"""Recommendations and the ledger: each method one call into a service."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from django.http import StreamingHttpResponse
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from decisions import decision_schema as schema
from decisions import ledger, lift, recommending, situation
from decisions.decision_serializers import (
    DecisionListQuerySerializer,
    ExportQuerySerializer,
    LiftQuerySerializer,
    RecommendRequestSerializer,
)
from tenants.api import TenantView
from tenants.authentication import ApiKeyAuthentication


class _About(msgspec.Struct):
    user_id: str


class RecommendView(TenantView):
    """The user is locked in the statement that looks up the caller's key."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        try:
            about = msgspec.json.decode(self.request.body, type=_About).user_id
        except (AttributeError, ValueError):  # no request, as drf-spectacular has none; or a body to be refused later
            return super().get_authenticators()
        if "\0" in about:
            return super().get_authenticators()
        return [ApiKeyAuthentication(situation.lock_query(about))]

    @schema.recommend
    def post(self, request: Request) -> Response:
        body = RecommendRequestSerializer(data=request.data)

        def recommend() -> tuple[int, Any]:
            body.is_valid(raise_exception=True)
            return 200, recommending.recommend(
                tenant_id=self.caller.tenant_id,
                request=body.wanted,
                dispatch=body.validated_data["dispatch"],
                dry_run=body.validated_data["dry_run"],
                now=datetime.now(UTC),
            )

        return self.once(request, recommend, about=lambda _: body.wanted.user_id)


class DecisionsView(TenantView):
    @schema.list_decisions
    def get(self, request: Request) -> Response:
        query = DecisionListQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        return Response(
            ledger.list_decisions(
                tenant_id=self.caller.tenant_id,
                where=query.where,
                limit=query.validated_data["limit"],
                after=query.validated_data.get("cursor"),
            )
        )


class DecisionView(TenantView):
    @schema.get_decision
    def get(self, request: Request, decision_id: str) -> Response:
        return Response({"decision": ledger.get_decision(tenant_id=self.caller.tenant_id, decision_id=decision_id)})


class ExportView(TenantView):
    @schema.export_decisions
    def get(self, request: Request) -> StreamingHttpResponse:
        query = ExportQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        lines = ledger.export(tenant_id=self.caller.tenant_id, **query.validated_data)
        return StreamingHttpResponse(lines, content_type="application/x-ndjson")


class LiftView(TenantView):
    @schema.get_lift
    def get(self, request: Request) -> Response:
        query = LiftQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        return Response(
            {
                "lift": lift.lift(
                    tenant_id=self.caller.tenant_id, days=query.validated_data["days"], now=datetime.now(UTC)
                )
            }
        )
