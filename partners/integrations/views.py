"""The Partner API's integrations over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from rest_framework.decorators import action
from rest_framework.request import Request

from integrations import services as integrations
from integrations.serializers import IntegrationRequestSerializer, IntegrationSerializer, RotateSecretRequestSerializer
from partners.fields import WholeListQuerySerializer
from partners.integrations import schema, services
from partners.integrations.serializers import ShareRequestSerializer
from partners.viewset import PartnerViewSet
from retivo.api.json import Response
from retivo.api.serializers import sent_once


class IntegrationViewSet(PartnerViewSet):
    """The partner's integrations."""

    lookup_url_kwarg = "integration_id"
    lookup_value_converter = "any_uuid"

    @schema.list_integrations
    def list(self, request: Request) -> Response:
        query = WholeListQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        page = integrations.list_integrations(
            partner_id=self.caller.tenant_id,
            limit=query.validated_data.get("limit"),
            after=query.validated_data.get("cursor"),
        )
        return Response({**page, "integrations": IntegrationSerializer(page["integrations"], many=True).data})

    @schema.register_integration
    def create(self, request: Request) -> Response:
        def register() -> tuple[int, Any]:
            body = IntegrationRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            integration, webhook_secret = integrations.register(
                actor=self.caller.actor, partner_id=self.caller.tenant_id, **body.validated_data
            )
            shown = {**IntegrationSerializer(integration).data, "webhook_secret": webhook_secret}
            return 201, {"integration": shown}

        return self.once(request, register)

    @schema.share_integration
    @action(detail=True, methods=["post"])
    def share(self, request: Request, integration_id: UUID) -> Response:
        def share() -> tuple[int, Any]:
            body = ShareRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            return 200, services.share_integration(
                actor=self.caller.actor,
                partner_id=self.caller.tenant_id,
                integration_id=integration_id,
                customer_id=body.validated_data["customer_tenant_id"],
            )

        return self.once(request, share)

    @schema.rotate_secret
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request: Request, integration_id: UUID) -> Response:
        def rotate() -> tuple[int, Any]:
            body = RotateSecretRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            now = datetime.now(UTC)
            webhook_secret, until = integrations.rotate_secret(
                actor=self.caller.actor,
                partner_id=self.caller.tenant_id,
                integration_id=integration_id,
                now=now,
                overlap=timedelta(hours=body.validated_data["overlap_hours"]),
            )
            return 200, {"webhook_secret": webhook_secret, "previous_secret_until": until}

        return self.once(request, rotate)
