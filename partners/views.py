"""The Partner API: each endpoint is one call into a service."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from integrations import services as integrations
from integrations.serializers import IntegrationRequestSerializer, IntegrationSerializer, RotateSecretRequestSerializer
from partners import schema, services
from partners.permissions import IsPartner
from partners.serializers import (
    CustomerChangeSerializer,
    CustomerListQuerySerializer,
    ProvisionRequestSerializer,
    ShareRequestSerializer,
    WholeListQuerySerializer,
)
from tenants.access.authentication import Query
from tenants.access.view import OneStatementView, TenantView
from tenants.models import Scope


class PartnerView(TenantView):
    required_scope = Scope.PARTNER
    permission_classes = [IsPartner]


class CustomersView(PartnerView):
    @schema.list_customers
    def get(self, request: Request) -> Response:
        query = CustomerListQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        return Response(services.list_customers(partner_id=self.caller.tenant_id, where=query.where, page=query.page))

    @schema.provision_customer
    def post(self, request: Request) -> Response:
        def provision() -> tuple[int, Any]:
            body = ProvisionRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            return 201, services.provision_customer(
                actor=self.caller.actor, partner_id=self.caller.tenant_id, **body.validated_data
            )

        return self.once(request, provision)


class CustomerView(PartnerView, OneStatementView):
    def query(self, *, customer_id: UUID) -> Query:  # type: ignore[override]  # the path's own parameters
        return services.customer_query(customer_id)

    @schema.get_customer
    def get(self, request: Request, customer_id: UUID) -> Response:
        return Response({"customer": services.customer_detail(self.answer)})

    @schema.change_customer
    def patch(self, request: Request, customer_id: UUID) -> Response:
        body = CustomerChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        changed = services.change_customer(
            actor=self.caller.actor,
            partner_id=self.caller.tenant_id,
            customer_id=customer_id,
            changes=body.validated_data,
        )
        return Response({"customer": changed})


class IntegrationsView(PartnerView):
    @schema.list_integrations
    def get(self, request: Request) -> Response:
        query = WholeListQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        page = integrations.list_integrations(
            partner_id=self.caller.tenant_id,
            limit=query.validated_data.get("limit"),
            after=query.validated_data.get("cursor"),
        )
        return Response({**page, "integrations": IntegrationSerializer(page["integrations"], many=True).data})

    @schema.register_integration
    def post(self, request: Request) -> Response:
        def register() -> tuple[int, Any]:
            body = IntegrationRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            integration, webhook_secret = integrations.register(
                actor=self.caller.actor, partner_id=self.caller.tenant_id, **body.validated_data
            )
            shown = {**IntegrationSerializer(integration).data, "webhook_secret": webhook_secret}
            return 201, {"integration": shown}

        return self.once(request, register)


class ShareView(PartnerView):
    @schema.share_integration
    def post(self, request: Request, integration_id: UUID) -> Response:
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


class RotateSecretView(PartnerView):
    @schema.rotate_secret
    def post(self, request: Request, integration_id: UUID) -> Response:
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


class PatternsView(PartnerView):
    @schema.list_patterns
    def get(self, request: Request) -> Response:
        return Response(services.list_patterns(partner_id=self.caller.tenant_id))


class StatsView(PartnerView):
    @schema.get_partner_stats
    def get(self, request: Request) -> Response:
        query = CustomerListQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        return Response(services.partner_stats(partner_id=self.caller.tenant_id, where=query.where, page=query.page))
