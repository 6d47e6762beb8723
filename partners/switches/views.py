"""A partner's switches over HTTP."""

from rest_framework.request import Request

from partners.switches import schema, services
from partners.switches.serializers import FleetSwitchRequestSerializer
from partners.viewset import PartnerViewSet
from retivo.api.json import Response


class _SwitchViewSet(PartnerViewSet):
    switch: str

    def stands(self) -> Response:
        return Response({self.switch: services.turned(partner_id=self.caller.tenant_id, switch=self.switch)})

    def turn(self, request: Request) -> Response:
        body = FleetSwitchRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        turned = services.turn(
            actor=self.caller.actor, partner_id=self.caller.tenant_id, switch=self.switch, **body.validated_data
        )
        return Response({self.switch: turned})


class KillSwitchViewSet(_SwitchViewSet):
    switch = "kill_switch"

    @schema.get_kill_switch
    def retrieve(self, request: Request) -> Response:
        return self.stands()

    @schema.turn_kill_switch
    def update(self, request: Request) -> Response:
        return self.turn(request)


class ShadowModeViewSet(_SwitchViewSet):
    switch = "shadow_mode"

    @schema.get_shadow_mode
    def retrieve(self, request: Request) -> Response:
        return self.stands()

    @schema.turn_shadow_mode
    def update(self, request: Request) -> Response:
        return self.turn(request)
