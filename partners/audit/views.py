"""A partner's audit trail over HTTP."""

from django.http.response import HttpResponseBase
from rest_framework.decorators import action
from rest_framework.request import Request

from partners.audit import schema
from partners.audit.serializers import PartnerAuditQuerySerializer
from partners.references import CustomerReference
from partners.viewset import PartnerViewSet
from retivo.api.json import Response
from retivo.api.serializers import sent_once
from tenants.audit.services import Whose
from tenants.audit.views import answer_checkpoints, answer_entries
from tenants.models import Tenant


class AuditViewSet(PartnerViewSet):
    @schema.list_entries
    def list(self, request: Request) -> HttpResponseBase:
        query = PartnerAuditQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        return answer_entries(self, query, self._whose(query.validated_data.get("customer_id")))

    @schema.list_checkpoints
    @action(detail=False)
    def checkpoints(self, request: Request) -> Response:
        return answer_checkpoints(request, Whose.family(self.caller.tenant_id))

    def _whose(self, reference: CustomerReference | None) -> Whose | None:
        """Of a customer by its id, whether or not it is still there; of another's, row-level security shows nothing."""
        if reference is None:
            return Whose.family(self.caller.tenant_id)
        if reference.tenant_id is not None:
            return Whose.about(reference.tenant_id)
        found = Tenant.objects.filter(parent_id=self.caller.tenant_id, external_id=reference.external_id)
        tenant_id = found.values_list("id", flat=True).first()
        return Whose.about(tenant_id) if tenant_id else None
