"""Roll-outs over HTTP."""

from typing import Any
from uuid import UUID

from rest_framework.decorators import action
from rest_framework.request import Request

from integrations.models import Rollout
from integrations.rollouts import services as rollouts
from partners.rollouts import schema, services
from partners.rollouts.serializers import (
    DryRunSerializer,
    EmptySerializer,
    RolloutListQuerySerializer,
    RolloutRequestSerializer,
    RolloutSerializer,
)
from partners.viewset import PartnerViewSet
from retivo.api.json import Response
from retivo.api.serializers import sent_once


def _shown(rollout: Rollout) -> dict[str, Any]:
    return {"rollout": RolloutSerializer(rollout).data}


class IntegrationRolloutViewSet(PartnerViewSet):
    """The roll-outs of one of the partner's integrations."""

    @schema.list_rollouts
    def list(self, request: Request, integration_id: UUID) -> Response:
        query = RolloutListQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        page = rollouts.list_rollouts(
            partner_id=self.caller.tenant_id,
            integration_id=integration_id,
            limit=query.validated_data["limit"],
            after=query.validated_data.get("cursor"),
        )
        return Response({**page, "rollouts": RolloutSerializer(page["rollouts"], many=True).data})

    @schema.start_rollout
    def create(self, request: Request, integration_id: UUID) -> Response:
        def start() -> tuple[int, Any]:
            body = RolloutRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            asked = dict(body.validated_data)
            asked["to"] = services.whom(partner_id=self.caller.tenant_id, to=asked["to"])
            whose: dict[str, Any] = {"partner_id": self.caller.tenant_id, "integration_id": integration_id}
            if asked.pop("dry_run"):
                found = rollouts.conflicts(**whose, revision=asked["revision"], to=asked["to"])
                return 200, {"dry_run": DryRunSerializer(found).data}
            return 202, _shown(rollouts.start(actor=self.caller.actor, **whose, **asked))

        return self.once(request, start)


class RolloutViewSet(PartnerViewSet):
    """Each of the partner's roll-outs."""

    lookup_url_kwarg = "rollout_id"
    lookup_value_converter = "prefixed_id"

    @schema.get_rollout
    def retrieve(self, request: Request, rollout_id: str) -> Response:
        return Response(_shown(rollouts.get(partner_id=self.caller.tenant_id, rollout_id=rollout_id)))

    @schema.pause_rollout
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, rollout_id: str) -> Response:
        return self._steer(request, rollouts.pause, rollout_id)

    @schema.resume_rollout
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, rollout_id: str) -> Response:
        return self._steer(request, rollouts.resume, rollout_id)

    @schema.roll_back
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, rollout_id: str) -> Response:
        return self._steer(request, rollouts.roll_back, rollout_id, status=202)

    def _steer(self, request: Request, steer: Any, rollout_id: str, *, status: int = 200) -> Response:
        def work() -> tuple[int, Any]:
            EmptySerializer(data=request.data).is_valid(raise_exception=True)
            rollout = steer(actor=self.caller.actor, partner_id=self.caller.tenant_id, rollout_id=rollout_id)
            return status, _shown(rollout)

        return self.once(request, work)
