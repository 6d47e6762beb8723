"""The Partner API: seven endpoints, each one call into a service."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from integrations import services as integrations
from integrations.serializers import IntegrationRequestSerializer, IntegrationSerializer
from partners import services
from partners.permissions import IsPartner
from partners.serializers import CustomerListQuerySerializer, ProvisionRequestSerializer, ShareRequestSerializer
from tenants.api import TenantView
from tenants.models import Scope


class PartnerView(TenantView):
    required_scope = Scope.PARTNER
    permission_classes = [IsPartner]


class CustomersView(PartnerView):
    def get(self, request: Request) -> Response:
        """List customers."""
        query = CustomerListQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        return Response(services.list_customers(partner_id=request.user.tenant_id, where=query.where, page=query.page))

    def post(self, request: Request) -> Response:
        """Provision a customer."""

        def provision() -> tuple[int, Any]:
            body = ProvisionRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            return 201, services.provision_customer(caller=request.user, **body.validated_data)

        return self.once(request, provision)


class CustomerView(PartnerView):
    def get(self, request: Request, customer_id: UUID) -> Response:
        """Get a customer."""
        customer = services.get_customer(partner_id=request.user.tenant_id, customer_id=customer_id)
        return Response({"customer": customer})


class IntegrationsView(PartnerView):
    def get(self, request: Request) -> Response:
        """List integrations."""
        found = integrations.list_integrations(partner_id=request.user.tenant_id)
        return Response({"integrations": IntegrationSerializer(found, many=True).data, "total": len(found)})

    def post(self, request: Request) -> Response:
        """Register an integration."""

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
    def post(self, request: Request, integration_id: UUID) -> Response:
        """Share an integration with a customer."""

        def share() -> tuple[int, Any]:
            body = ShareRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            return 200, services.share_integration(
                caller=request.user,
                integration_id=integration_id,
                customer_id=body.validated_data["customer_tenant_id"],
            )

        return self.once(request, share)


class StatsView(PartnerView):
    def get(self, request: Request) -> Response:
        """Get partner stats."""
        query = CustomerListQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        return Response(services.partner_stats(partner_id=request.user.tenant_id, where=query.where, page=query.page))
