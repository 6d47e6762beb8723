"""A partner's endpoints over HTTP: each method one call into a service."""

from typing import Any
from uuid import UUID

from rest_framework.decorators import action
from rest_framework.request import Request

from delivery.endpoints import queries, services
from partners.endpoints import schema
from partners.endpoints.serializers import (
    CertificationSerializer,
    CertifyRequestSerializer,
    EnableRequestSerializer,
    EndpointDetailSerializer,
    EndpointListQuerySerializer,
    EndpointSerializer,
    RecoverRequestSerializer,
    RecoveryDryRunSerializer,
    RecoverySerializer,
)
from partners.viewset import PartnerViewSet
from retivo.api.json import Response
from retivo.api.serializers import sent_once


class EndpointViewSet(PartnerViewSet):
    """The addresses that the partner's integrations send to."""

    lookup_url_kwarg = "endpoint_id"
    lookup_value_converter = "any_uuid"

    @schema.list_endpoints
    def list(self, request: Request) -> Response:
        query = EndpointListQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        page = queries.page(
            partner_id=self.caller.tenant_id,
            status=query.validated_data.get("status"),
            limit=query.validated_data["limit"],
            after=query.validated_data.get("cursor"),
        )
        return Response({**page, "endpoints": EndpointSerializer(page["endpoints"], many=True).data})

    @schema.get_endpoint
    def retrieve(self, request: Request, endpoint_id: UUID) -> Response:
        return Response(self._shown(endpoint_id))

    @schema.enable_endpoint
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, endpoint_id: UUID) -> Response:
        def enable() -> tuple[int, Any]:
            self._body(EnableRequestSerializer)
            partner_id = self.caller.tenant_id
            queries.find(partner_id=partner_id, endpoint_id=endpoint_id)
            services.enable(actor=self.caller.actor, owner_id=partner_id, endpoint_id=endpoint_id)
            return 200, self._shown(endpoint_id)

        return self.once(request, enable)

    @schema.recover_endpoint
    @action(detail=True, methods=["post"])
    def recover(self, request: Request, endpoint_id: UUID) -> Response:
        def recover() -> tuple[int, Any]:
            asked = self._body(RecoverRequestSerializer)
            if asked.pop("dry_run"):
                found = services.recoverable(**self._of(endpoint_id), **asked)
                return 200, {"dry_run": RecoveryDryRunSerializer(found).data}
            recovery = services.recover(**self._of(endpoint_id), actor=self.caller.actor, **asked)
            return 202, {"recovery": RecoverySerializer(recovery).data}

        return self.once(request, recover)

    @schema.certify_endpoint
    @action(detail=True, methods=["post"])
    def certify(self, request: Request, endpoint_id: UUID) -> Response:
        def certify() -> tuple[int, Any]:
            asked = self._body(CertifyRequestSerializer)
            certification = services.certify(**self._of(endpoint_id), actor=self.caller.actor, **asked)
            return 202, {"certification": CertificationSerializer(certification).data}

        return self.once(request, certify)

    def _of(self, endpoint_id: UUID) -> dict[str, Any]:
        return {"partner_id": self.caller.tenant_id, "endpoint_id": endpoint_id}

    def _shown(self, endpoint_id: UUID) -> dict[str, Any]:
        return {"endpoint": EndpointDetailSerializer(queries.get(**self._of(endpoint_id))).data}

    def _body(self, serializer: type[Any]) -> dict[str, Any]:
        body = serializer(data=self.request.data)
        body.is_valid(raise_exception=True)
        asked: dict[str, Any] = body.validated_data
        return asked


class RecoveryViewSet(PartnerViewSet):
    lookup_url_kwarg = "recovery_id"
    lookup_value_converter = "prefixed_id"

    @schema.get_recovery
    def retrieve(self, request: Request, endpoint_id: UUID, recovery_id: str) -> Response:
        found = queries.recovery(partner_id=self.caller.tenant_id, endpoint_id=endpoint_id, recovery_id=recovery_id)
        return Response({"recovery": RecoverySerializer(found).data})


class CertificationViewSet(PartnerViewSet):
    lookup_url_kwarg = "certification_id"
    lookup_value_converter = "prefixed_id"

    @schema.get_certification
    def retrieve(self, request: Request, endpoint_id: UUID, certification_id: str) -> Response:
        found = queries.certification(
            partner_id=self.caller.tenant_id, endpoint_id=endpoint_id, certification_id=certification_id
        )
        return Response({"certification": CertificationSerializer(found).data})
