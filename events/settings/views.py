"""A tenant's own settings, with its use of the month: here, because below `events` nothing knows of use."""

from typing import Any

from rest_framework.request import Request

from events import metering
from events.ingestion.serializers import UsageQuerySerializer
from events.settings import schema
from retivo.api.errors import Problem
from retivo.api.json import Response
from retivo.api.serializers import sent_once
from tenants import services
from tenants.access.view import TenantView
from tenants.controls import state
from tenants.models import Scope, Tenant, TenantRole
from tenants.serializers import SettingsRequestSerializer, SwitchRequestSerializer, TenantSerializer


def _changed(tenant: Tenant) -> dict[str, Any]:
    return {"tenant": TenantSerializer(tenant).data, "effective": state.of_caller()}


class SettingsView(TenantView):
    @schema.get_settings
    def get(self, request: Request) -> Response:
        query = UsageQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        month = query.validated_data.get("month")
        tenant, keys = services.settings(tenant_id=self.caller.tenant_id)
        return Response(
            {
                "tenant": TenantSerializer(tenant).data,
                "api_keys": keys,
                "effective": state.of_caller(),
                "usage": metering.usage(tenant_id=tenant.id, limit=tenant.tracked_user_limit, month=month),
            }
        )

    @schema.change_settings
    def patch(self, request: Request) -> Response:
        body = SettingsRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        tenant, _ = services.change_settings(
            actor=self.caller.actor, tenant_id=self.caller.tenant_id, changes=body.validated_data
        )
        return Response(_changed(tenant))


class _SwitchView(TenantView):
    control: str

    def turn(self, request: Request) -> Response:
        self._check_scope()
        body = SwitchRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        tenant, _ = services.change_settings(
            actor=self.caller.actor,
            tenant_id=self.caller.tenant_id,
            changes={},
            said={self.control: body.validated_data},
        )
        return Response(_changed(tenant))

    def _check_scope(self) -> None:
        """A partner's own switches are those of its fleet, for which `settings:write` is not enough."""
        if self.caller.tenant_role == TenantRole.PARTNER and Scope.PARTNER_SWITCHES not in self.caller.scopes:
            detail = "A partner's switches hold for all of its customers: its key needs the scope `partner:switches`."
            raise Problem(403, "insufficient_scope", detail, extra={"required_scope": Scope.PARTNER_SWITCHES})


class KillSwitchView(_SwitchView):
    control = "kill_switch"

    @schema.set_kill_switch
    def put(self, request: Request) -> Response:
        return self.turn(request)


class ShadowModeView(_SwitchView):
    control = "shadow_mode"

    @schema.set_shadow_mode
    def put(self, request: Request) -> Response:
        return self.turn(request)
