"""A tenant's action types: each method one call into a service."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.http import http_date
from rest_framework.request import Request

from integrations.action_types import schema, services
from integrations.action_types.serializers import (
    ActionTypeChangeSerializer,
    ActionTypeListQuerySerializer,
    ActionTypeRequestSerializer,
    ActionTypeSerializer,
)
from integrations.serializers import RotateSecretRequestSerializer
from retivo.api.json import Response
from retivo.api.serializers import sent_once
from tenants.access.view import TenantView


class ActionTypesView(TenantView):
    @schema.list_action_types
    def get(self, request: Request) -> Response:
        query = ActionTypeListQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        page = services.list_action_types(tenant_id=self.caller.tenant_id, **query.asked)
        return Response(
            {**page, "action_types": ActionTypeSerializer(page["action_types"], many=True).data},
            headers=_deprecation(page["action_types"]),
        )

    @schema.register_action_type
    def post(self, request: Request) -> Response:
        def register() -> tuple[int, Any]:
            body = ActionTypeRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            action_type, webhook_secret = services.register(
                actor=self.caller.actor, tenant_id=self.caller.tenant_id, **body.validated_data
            )
            shown = {**ActionTypeSerializer(action_type).data, "webhook_secret": webhook_secret}
            return 201, {"action_type": shown}

        return self.once(request, register)


class ActionTypeView(TenantView):
    @schema.get_action_type
    def get(self, request: Request, action_type_id: str) -> Response:
        found = services.get_action_type(tenant_id=self.caller.tenant_id, action_type_id=action_type_id)
        return Response({"action_type": ActionTypeSerializer(found).data}, headers=_deprecation([found]))

    @schema.change_action_type
    def put(self, request: Request, action_type_id: str) -> Response:
        body = ActionTypeChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self._change(action_type_id, body.validated_data)

    @schema.switch_action_type_off
    def delete(self, request: Request, action_type_id: str) -> Response:
        return self._change(action_type_id, {"active": False})

    def _change(self, action_type_id: str, fields: dict[str, Any]) -> Response:
        changed = services.change(
            actor=self.caller.actor, tenant_id=self.caller.tenant_id, action_type_id=action_type_id, **fields
        )
        return Response({"action_type": ActionTypeSerializer(changed).data})


class RotateActionTypeSecretView(TenantView):
    @schema.rotate_secret
    def post(self, request: Request, action_type_id: str) -> Response:
        def rotate() -> tuple[int, Any]:
            body = RotateSecretRequestSerializer(data=request.data)
            body.is_valid(raise_exception=True)
            webhook_secret, until = services.rotate_secret(
                actor=self.caller.actor,
                tenant_id=self.caller.tenant_id,
                action_type_id=action_type_id,
                now=datetime.now(UTC),
                overlap=timedelta(hours=body.validated_data["overlap_hours"]),
            )
            return 200, {"webhook_secret": webhook_secret, "previous_secret_until": until}

        return self.once(request, rotate)


def _deprecation(action_types: Sequence[Any]) -> dict[str, str]:
    """`Deprecation` (RFC 9745) and `Sunset` (RFC 8594): the first of what is shown."""
    ending = [each for each in action_types if each.sunset_at is not None]
    if not ending:
        return {}
    since, until = min(each.deprecated_at for each in ending), min(each.sunset_at for each in ending)
    return {"Deprecation": f"@{int(since.timestamp())}", "Sunset": http_date(until.timestamp())}
