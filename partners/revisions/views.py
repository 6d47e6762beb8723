"""Revisions of integrations over HTTP."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request

from integrations.revisions import services
from partners.revisions import schema
from partners.revisions.serializers import (
    MAX_NUMBER,
    ListedRevisionSerializer,
    RevisionListQuerySerializer,
    RevisionQuerySerializer,
    RevisionRequestSerializer,
    RevisionSerializer,
)
from partners.viewset import PartnerViewSet
from retivo.api.errors import not_found
from retivo.api.json import Response
from retivo.api.serializers import sent_once


class RevisionViewSet(PartnerViewSet):
    """The revisions of one of the partner's integrations."""

    lookup_url_kwarg = "number"
    lookup_value_converter = "int"

    @schema.list_revisions
    def list(self, request: Request, integration_id: UUID) -> Response:
        query = RevisionListQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        page = services.list_revisions(
            partner_id=self.caller.tenant_id,
            integration_id=integration_id,
            limit=query.validated_data["limit"],
            before=query.validated_data.get("cursor"),
        )
        return Response({**page, "revisions": ListedRevisionSerializer(page["revisions"], many=True).data})

    @schema.publish_revision
    def create(self, request: Request, integration_id: UUID) -> Response:
        def publish() -> tuple[int, Any]:
            body = RevisionRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            published, is_new = services.publish(
                actor=self.caller.actor,
                partner_id=self.caller.tenant_id,
                integration_id=integration_id,
                **body.validated_data,
            )
            return 201 if is_new else 200, {"revision": RevisionSerializer(published).data}

        return self.once(request, publish)

    @schema.get_revision
    def retrieve(self, request: Request, integration_id: UUID, number: int) -> Response:
        query = RevisionQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        if number > MAX_NUMBER:
            raise not_found()
        found = services.get(
            partner_id=self.caller.tenant_id,
            integration_id=integration_id,
            number=number,
            against=query.validated_data.get("against"),
        )
        return Response({"revision": RevisionSerializer(found).data})
