"""The endpoints that take what Segment's SDKs and webhooks send."""

from rest_framework.request import Request

from events.connectors.segment import schema, translation
from events.connectors.shared.view import ConnectorView, known
from retivo.api.json import Response


class SegmentView(ConnectorView):
    vendor = translation

    @schema.webhook
    def post(self, request: Request) -> Response:
        return self.take(request)


class SegmentBatchView(ConnectorView):
    vendor = translation

    @schema.batch
    def post(self, request: Request) -> Response:
        return self.take(request)


class SegmentMessageView(ConnectorView):
    vendor = translation

    @schema.message
    def post(self, request: Request, kind: str) -> Response:
        return self.take(request, known(kind, translation.KINDS))
