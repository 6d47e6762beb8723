"""The Partner API: each endpoint is one call into a service."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request

from partners.customers import queries, schema, services
from partners.customers.serializers import (
    CustomerChangeSerializer,
    CustomerListQuerySerializer,
    ProvisionRequestSerializer,
)
from partners.viewset import PartnerViewSet
from retivo.api.json import Response
from retivo.api.serializers import sent_once
from tenants.access.authentication import Query
from tenants.access.view import OneStatementView


class CustomerViewSet(PartnerViewSet, OneStatementView):
    """The partner's customers; one of them is read by one statement."""

    lookup_url_kwarg = "customer_id"
    lookup_value_converter = "any_uuid"

    def query(self, *, customer_id: UUID | None = None) -> Query | None:  # type: ignore[override]  # the path's own
        return None if customer_id is None else queries.customer_query(customer_id)

    @schema.list_customers
    def list(self, request: Request) -> Response:
        query = CustomerListQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        return Response(queries.list_customers(partner_id=self.caller.tenant_id, where=query.where, page=query.page))

    @schema.provision_customer
    def create(self, request: Request) -> Response:
        def provision() -> tuple[int, Any]:
            body = ProvisionRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            return 201, services.provision_customer(
                actor=self.caller.actor, partner_id=self.caller.tenant_id, **body.validated_data
            )

        return self.once(request, provision)

    @schema.get_customer
    def retrieve(self, request: Request, customer_id: UUID) -> Response:
        return Response({"customer": queries.customer_detail(self.answer)})

    @schema.change_customer
    def partial_update(self, request: Request, customer_id: UUID) -> Response:
        body = CustomerChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        changed = services.change_customer(
            actor=self.caller.actor,
            partner_id=self.caller.tenant_id,
            customer_id=customer_id,
            changes=body.validated_data,
        )
        return Response({"customer": changed})
