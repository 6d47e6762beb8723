"""The Partner API's integrations over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from rest_framework.decorators import action
from rest_framework.request import Request

from integrations import services as integrations
from integrations.revisions import services as revisions
from integrations.rollouts import sharing
from integrations.serializers import IntegrationRequestSerializer, IntegrationSerializer, RotateSecretRequestSerializer
from partners.fields import WholeListQuerySerializer
from partners.integrations import schema, services
from partners.integrations.serializers import (
    DeprecateRequestSerializer,
    HavingListQuerySerializer,
    HavingSerializer,
    IntegrationChangeSerializer,
    ShareRequestSerializer,
    SharingSerializer,
    UnshareRequestSerializer,
    WebhooksChangeSerializer,
)
from partners.references import CustomerReference
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

    @schema.get_integration
    def retrieve(self, request: Request, integration_id: UUID) -> Response:
        return self._shown(integrations.get(partner_id=self.caller.tenant_id, integration_id=integration_id))

    @schema.change_integration
    def partial_update(self, request: Request, integration_id: UUID) -> Response:
        body = IntegrationChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        changed = services.change_integration(**self._who, integration_id=integration_id, changes=body.validated_data)
        return self._shown(changed)

    @schema.delete_integration
    def destroy(self, request: Request, integration_id: UUID) -> Response:
        return Response(services.delete_integration(**self._who, integration_id=integration_id))

    @schema.change_webhooks
    @action(detail=True, methods=["patch"])
    def webhooks(self, request: Request, integration_id: UUID) -> Response:
        body = WebhooksChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        changed = revisions.correct_addresses(**self._who, integration_id=integration_id, **body.validated_data)
        return Response({"webhooks": changed})

    @schema.deprecate_integration
    @action(detail=True, methods=["post"])
    def deprecate(self, request: Request, integration_id: UUID) -> Response:
        def deprecate() -> tuple[int, Any]:
            body = DeprecateRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            deprecated = services.deprecate_integration(
                **self._who, integration_id=integration_id, **body.validated_data
            )
            return 200, {"integration": IntegrationSerializer(deprecated).data}

        return self.once(request, deprecate)

    @schema.list_having
    @action(detail=True, methods=["get"])
    def customers(self, request: Request, integration_id: UUID) -> Response:
        query = HavingListQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        page = services.list_having(partner_id=self.caller.tenant_id, integration_id=integration_id, **query.asked)
        return Response({**page, "customers": HavingSerializer(page["customers"], many=True).data})

    @schema.share_integration
    @action(detail=True, methods=["post"])
    def share(self, request: Request, integration_id: UUID) -> Response:
        def share() -> tuple[int, Any]:
            body = ShareRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            if "all" in body.validated_data:
                begun = sharing.start(**self._who, integration_id=integration_id)
                return 202, {"sharing": SharingSerializer(begun).data}
            customer_id = body.validated_data["customer_tenant_id"]
            self.named |= {str(customer_id)}
            return 200, services.share_integration(**self._who, integration_id=integration_id, customer_id=customer_id)

        return self.once(request, share)

    @schema.get_sharing
    @share.mapping.get  # type: ignore[attr-defined, untyped-decorator]  # made by `action`
    def sharing(self, request: Request, integration_id: UUID) -> Response:
        newest = sharing.newest(partner_id=self.caller.tenant_id, integration_id=integration_id)
        return Response({"sharing": SharingSerializer(newest).data})

    @schema.unshare_integration
    @action(detail=True, methods=["delete"], url_path="share/<customer:customer_id>")
    def unshare(self, request: Request, integration_id: UUID, customer_id: CustomerReference) -> Response:
        body = UnshareRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        unshared = services.unshare_integration(
            **self._who,
            integration_id=integration_id,
            customer_id=self.customer_id(customer_id),
            **body.validated_data,
        )
        return Response(unshared)

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

    @property
    def _who(self) -> dict[str, Any]:
        return {"actor": self.caller.actor, "partner_id": self.caller.tenant_id}

    def _shown(self, integration: Any) -> Response:
        return Response({"integration": IntegrationSerializer(integration).data})
