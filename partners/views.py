"""The Partner API: seven endpoints, each one call into a service."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from integrations import services as integrations
from integrations.serializers import IntegrationRequestSerializer, IntegrationSerializer
from partners import schema, services
from partners.permissions import IsPartner
from partners.serializers import CustomerListQuerySerializer, ProvisionRequestSerializer, ShareRequestSerializer
from tenants.api import TenantView
from tenants.models import Scope


class PartnerView(TenantView):
    required_scope = Scope.PARTNER
    permission_classes = [IsPartner]


class CustomersView(PartnerView):
    @schema.list_customers
    def get(self, request: Request) -> Response:
        query = CustomerListQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        return Response(services.list_customers(partner_id=request.user.tenant_id, where=query.where, page=query.page))

    @schema.provision_customer
    def post(self, request: Request) -> Response:
        def provision() -> tuple[int, Any]:
            body = ProvisionRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            return 201, services.provision_customer(
                actor=request.user.actor, partner_id=request.user.tenant_id, **body.validated_data
            )

        return self.once(request, provision)


class CustomerView(PartnerView):
    @schema.get_customer
    def get(self, request: Request, customer_id: UUID) -> Response:
        customer = services.get_customer(partner_id=request.user.tenant_id, customer_id=customer_id)
        return Response({"customer": customer})


class IntegrationsView(PartnerView):
    @schema.list_integrations
    def get(self, request: Request) -> Response:
        found = integrations.list_integrations(partner_id=request.user.tenant_id)
        return Response({"integrations": IntegrationSerializer(found, many=True).data, "total": len(found)})

    @schema.register_integration
    def post(self, request: Request) -> Response:
        def register() -> tuple[int, Any]:
            body = IntegrationRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            integration, webhook_secret = integrations.register(
                actor=request.user.actor, partner_id=request.user.tenant_id, **body.validated_data
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
                actor=request.user.actor,
                partner_id=request.user.tenant_id,
                integration_id=integration_id,
                customer_id=body.validated_data["customer_tenant_id"],
            )

        return self.once(request, share)


class StatsView(PartnerView):
    @schema.get_partner_stats
    def get(self, request: Request) -> Response:
        query = CustomerListQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        return Response(services.partner_stats(partner_id=request.user.tenant_id, where=query.where, page=query.page))
