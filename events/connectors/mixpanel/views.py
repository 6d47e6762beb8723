"""The endpoints that take what Mixpanel's SDKs and webhooks send."""

from rest_framework.request import Request

from events.connectors.mixpanel import schema, translation
from events.connectors.shared.view import ConnectorView, known
from retivo.api.json import Response


class MixpanelView(ConnectorView):
    vendor = translation

    @schema.events
    def post(self, request: Request) -> Response:
        return self.take(request)


class MixpanelEndpointView(ConnectorView):
    vendor = translation
    http_method_names = ["get", "post", "options"]  # not HEAD, which Django would take for GET

    @schema.query
    def get(self, request: Request, endpoint: str) -> Response:
        return Response(self.translate_and_track(request, known(endpoint, translation.KINDS)))

    @schema.endpoint
    def post(self, request: Request, endpoint: str) -> Response:
        return self.take(request, known(endpoint, translation.KINDS))
