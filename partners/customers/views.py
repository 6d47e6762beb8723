"""The Partner API: each endpoint is one call into a service."""

from typing import Any

from rest_framework.decorators import action
from rest_framework.request import Request

from partners.customers import listing, queries, schema, services
from partners.customers.serializers import (
    CustomerChangeSerializer,
    CustomerListQuerySerializer,
    DeleteRequestSerializer,
    ProvisionRequestSerializer,
    PutCustomerSerializer,
    RestoreRequestSerializer,
)
from partners.references import CustomerReference, checked
from partners.viewset import PartnerViewSet
from retivo.api.errors import Problem
from retivo.api.json import Response
from retivo.api.serializers import sent_once
from tenants.access.authentication import Query, key_context
from tenants.access.view import OneStatementView


class CustomerViewSet(PartnerViewSet, OneStatementView):
    """The partner's customers; one of them is read by one statement, and most that are put are as they should be."""

    lookup_url_kwarg = "customer_id"
    lookup_value_converter = "customer"
    reads = OneStatementView.reads | {"PUT"}

    def query(self, *, customer_id: CustomerReference | None = None) -> Query | None:  # type: ignore[override]
        return None if customer_id is None else queries.customer_query(customer_id)

    @schema.list_customers
    def list(self, request: Request) -> Response:
        query = CustomerListQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        return Response(listing.list_customers(partner_id=self.caller.tenant_id, where=query.where, page=query.page))

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
    def retrieve(self, request: Request, customer_id: CustomerReference) -> Response:
        if customer_id.external_id is not None:
            checked(customer_id.external_id)
        return Response({"customer": queries.customer_detail(self.answer)})

    @schema.change_customer
    def partial_update(self, request: Request, customer_id: CustomerReference) -> Response:
        body = CustomerChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        changed = services.change_customer(
            actor=self.caller.actor,
            partner_id=self.caller.tenant_id,
            customer_id=self.customer_id(customer_id),
            changes=body.validated_data,
        )
        return Response({"customer": changed})

    @schema.put_customer
    def update(self, request: Request, customer_id: CustomerReference) -> Response:
        body = PutCustomerSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        if customer_id.external_id is None:
            detail = "PUT finds a customer by `ext:` and your own id. Use PATCH to change one by its `tenant_id`."
            raise Problem(404, "not_found", detail)
        external_id = checked(customer_id.external_id)
        fields = body.validated_data
        if self.answer is not None and queries.is_already(self.answer, fields):
            return Response({"customer": queries.customer_detail(self.answer), "changed": []})
        with key_context(self.key)():
            status, answer = services.put_customer(
                actor=self.caller.actor, partner_id=self.caller.tenant_id, external_id=external_id, fields=fields
            )
        return Response(answer, status=status)

    @schema.delete_customer
    def destroy(self, request: Request, customer_id: CustomerReference) -> Response:
        body = DeleteRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        deleting = services.delete_customer(
            actor=self.caller.actor,
            key_id=self.caller.key_id,
            partner_id=self.caller.tenant_id,
            customer_id=self.customer_id(customer_id),
            **body.validated_data,
        )
        return Response(deleting, status=202)

    @schema.restore_customer
    @action(methods=["post"], detail=True)
    def restore(self, request: Request, customer_id: CustomerReference) -> Response:
        def restore() -> tuple[int, Any]:
            RestoreRequestSerializer(data={} if request.data is None else request.data).is_valid(raise_exception=True)
            return 200, services.restore_customer(
                actor=self.caller.actor, partner_id=self.caller.tenant_id, customer_id=self.customer_id(customer_id)
            )

        return self.once(request, restore)
