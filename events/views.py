"""Taking events in."""

from datetime import UTC, datetime
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from events import batch, schema, services
from retivo.api.errors import Problem
from tenants.api import TenantView


class TrackView(TenantView):
    @schema.track
    def post(self, request: Request) -> Response:
        def track() -> tuple[int, Any]:
            now = datetime.now(UTC)
            events = batch.read(json_body(request), now=now)
            return 200, services.track(tenant_id=self.caller.tenant_id, batch=events, now=now, source="track")

        return self.once(request, track)


class ExternalEventsView(TenantView):
    @schema.external_events
    def post(self, request: Request) -> Response:
        def track() -> tuple[int, Any]:
            now = datetime.now(UTC)
            provider, events = batch.read_of_provider(json_body(request), now=now)
            return 200, services.track(
                tenant_id=self.caller.tenant_id, batch=events, now=now, source="external", provider=provider
            )

        return self.once(request, track)


def json_body(request: Request) -> bytes:
    """The raw body, which carries load and so is decoded without DRF's parser."""
    if request.content_type.partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "unsupported_media_type", "Send the body as application/json.")
    body: bytes = request.body
    return body
