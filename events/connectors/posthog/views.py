"""The endpoints that take what PostHog's SDKs and webhooks send."""

from rest_framework.request import Request

from events.connectors.posthog import schema, translation
from events.connectors.shared.view import ConnectorView
from retivo.api.json import Response


class PostHogView(ConnectorView):
    vendor = translation

    @schema.webhook
    def post(self, request: Request) -> Response:
        return self.take(request)


class PostHogCaptureView(ConnectorView):
    vendor = translation

    @schema.capture
    def post(self, request: Request, path: str = "") -> Response:
        return self.take(request)


class PostHogAnalyticsView(ConnectorView):
    vendor = translation

    @schema.analytics
    def post(self, request: Request) -> Response:
        return self.take(request, translation.V1)
