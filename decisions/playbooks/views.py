"""Playbooks and interventions: each method one call into a service."""

from typing import Any, ClassVar
from uuid import UUID

from rest_framework.request import Request

from decisions.models import InterventionStatus, PlaybookStatus
from decisions.playbooks import interventions, schema, services
from decisions.playbooks.serializers import (
    InterventionListQuerySerializer,
    InterventionRequestSerializer,
    PlaybookChangeSerializer,
    PlaybookListQuerySerializer,
    PlaybookRequestSerializer,
    PlaybookStatusRequestSerializer,
)
from retivo.api.json import Response
from retivo.api.serializers import sent_once
from tenants.access.view import TenantView


class PlaybooksView(TenantView):
    @schema.list_playbooks
    def get(self, request: Request) -> Response:
        query = PlaybookListQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        return Response(services.list_playbooks(tenant_id=self.caller.tenant_id, **query.asked))

    @schema.create_playbook
    def post(self, request: Request) -> Response:
        def create() -> tuple[int, Any]:
            body = PlaybookRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            return 201, services.create_playbook(
                actor=self.caller.actor, tenant_id=self.caller.tenant_id, **body.validated_data
            )

        return self.once(request, create)


class PlaybookView(TenantView):
    @schema.get_playbook
    def get(self, request: Request, playbook_id: UUID) -> Response:
        found = services.get_playbook(tenant_id=self.caller.tenant_id, playbook_id=playbook_id)
        return Response({"playbook": found})

    @schema.change_playbook
    def put(self, request: Request, playbook_id: UUID) -> Response:
        body = PlaybookChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        changed = services.change_playbook(
            actor=self.caller.actor,
            tenant_id=self.caller.tenant_id,
            playbook_id=playbook_id,
            **body.validated_data,
        )
        return Response(changed)

    @schema.archive_playbook
    def delete(self, request: Request, playbook_id: UUID) -> Response:
        services.change_playbook_status(
            actor=self.caller.actor,
            tenant_id=self.caller.tenant_id,
            playbook_id=playbook_id,
            status=PlaybookStatus.ARCHIVED,
        )
        return Response({"archived": True})


class PlaybookStatusView(TenantView):
    @schema.change_playbook_status
    def put(self, request: Request, playbook_id: UUID) -> Response:
        body = PlaybookStatusRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        changed = services.change_playbook_status(
            actor=self.caller.actor,
            tenant_id=self.caller.tenant_id,
            playbook_id=playbook_id,
            status=body.validated_data["status"],
        )
        return Response(changed)


class InterventionsView(TenantView):
    @schema.list_interventions
    def get(self, request: Request) -> Response:
        query = InterventionListQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        return Response(interventions.list_interventions(tenant_id=self.caller.tenant_id, **query.asked))

    @schema.create_intervention
    def post(self, request: Request) -> Response:
        def create() -> tuple[int, Any]:
            body = InterventionRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            return 201, interventions.create_intervention(
                actor=self.caller.actor, tenant_id=self.caller.tenant_id, **body.validated_data
            )

        return self.once(request, create)


class InterventionView(TenantView):
    @schema.get_intervention
    def get(self, request: Request, intervention_id: str) -> Response:
        found = interventions.get_intervention(tenant_id=self.caller.tenant_id, intervention_id=intervention_id)
        return Response({"intervention": found})


class _MoveView(TenantView):
    """Moves an intervention to the view's `status`. There is nothing to say in a body, and so it is not read."""

    status: ClassVar[InterventionStatus]

    def move(self, intervention_id: str) -> Response:
        moved = interventions.change_intervention_status(
            actor=self.caller.actor,
            tenant_id=self.caller.tenant_id,
            intervention_id=intervention_id,
            status=self.status,
        )
        return Response(moved)


class ApproveView(_MoveView):
    status = InterventionStatus.APPROVED

    @schema.approve_intervention
    def put(self, request: Request, intervention_id: str) -> Response:
        return self.move(intervention_id)


class PauseView(_MoveView):
    status = InterventionStatus.PAUSED

    @schema.pause_intervention
    def put(self, request: Request, intervention_id: str) -> Response:
        return self.move(intervention_id)


class RejectView(_MoveView):
    status = InterventionStatus.REJECTED

    @schema.reject_intervention
    def put(self, request: Request, intervention_id: str) -> Response:
        return self.move(intervention_id)
