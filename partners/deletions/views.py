"""Deletions over HTTP: each endpoint is one call into a service."""

from rest_framework.request import Request

from partners.deletions import schema, services
from partners.deletions.serializers import DeletionListQuerySerializer
from partners.viewset import PartnerViewSet
from retivo.api.json import Response
from retivo.api.serializers import sent_once


class DeletionViewSet(PartnerViewSet):
    lookup_url_kwarg = "deletion_id"
    lookup_value_converter = "prefixed_id"

    @schema.list_deletions
    def list(self, request: Request) -> Response:
        query = DeletionListQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        return Response(services.list_deletions(partner_id=self.caller.tenant_id, **query.asked))

    @schema.get_deletion
    def retrieve(self, request: Request, deletion_id: str) -> Response:
        return Response(services.get_deletion(partner_id=self.caller.tenant_id, deletion_id=deletion_id))
