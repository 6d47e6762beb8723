"""Actions, to those whose users they are for: reading them, reporting outcomes, replaying failures."""

from typing import Any

from rest_framework.request import Request

from delivery import schema, services
from delivery.outcomes import services as outcomes
from delivery.serializers import (
    ActionListQuerySerializer,
    ActionSerializer,
    AttemptSerializer,
    NothingSerializer,
    OutcomeRequestSerializer,
)
from retivo.api.json import Response
from retivo.api.serializers import sent_once
from tenants.access.view import TenantView


class ActionsView(TenantView):
    @schema.list_actions
    def get(self, request: Request) -> Response:
        query = ActionListQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        page = services.list_actions(
            tenant_id=self.caller.tenant_id,
            where=query.where,
            limit=query.validated_data["limit"],
            after=query.place,
        )
        return Response({**page, "actions": ActionSerializer(page["actions"], many=True).data})


class ActionView(TenantView):
    @schema.get_action
    def get(self, request: Request, action_id: str) -> Response:
        action, attempts = services.get_action(tenant_id=self.caller.tenant_id, action_id=action_id)
        shown = {**ActionSerializer(action).data, "delivery_attempts": AttemptSerializer(attempts, many=True).data}
        return Response({"action": shown})


class OutcomeView(TenantView):
    @schema.report_outcome
    def post(self, request: Request, action_id: str) -> Response:
        def report() -> tuple[int, Any]:
            body = OutcomeRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            outcomes.record(tenant_id=self.caller.tenant_id, action_id=action_id, outcome=body.validated_data)
            status = body.validated_data["status"]
            return 200, {"recorded": True, "action_id": action_id, "outcome_status": status}

        return self.once(request, report)


class ReplayView(TenantView):
    @schema.replay_action
    def post(self, request: Request, action_id: str) -> Response:
        def replay() -> tuple[int, Any]:
            NothingSerializer(data=request.data).is_valid(raise_exception=True)
            action = services.replay(tenant_id=self.caller.tenant_id, action_id=action_id, actor=self.caller.actor)
            return 200, {"action": ActionSerializer(action).data}

        return self.once(request, replay, about=lambda answer: answer["action"]["user_id"])
