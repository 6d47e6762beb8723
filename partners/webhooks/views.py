"""A partner's webhooks over HTTP: each method one call into a service."""

from datetime import UTC, datetime, timedelta
from typing import Any

from rest_framework.decorators import action
from rest_framework.request import Request

from delivery.webhooks import services
from integrations.serializers import RotateSecretRequestSerializer
from partners.viewset import PartnerViewSet
from partners.webhooks import schema
from partners.webhooks.serializers import (
    ReplayRequestSerializer,
    TestRequestSerializer,
    WebhookAttemptSerializer,
    WebhookChangeSerializer,
    WebhookReplaySerializer,
    WebhookRequestSerializer,
    WebhookSerializer,
)
from retivo.api.json import Response
from retivo.api.pagination import PageQuerySerializer
from retivo.api.serializers import sent_once


class WebhookViewSet(PartnerViewSet):
    """Where the partner's events are sent."""

    lookup_url_kwarg = "webhook_id"
    lookup_value_converter = "prefixed_id"

    @schema.list_webhooks
    def list(self, request: Request) -> Response:
        page = services.page(partner_id=self.caller.tenant_id, **self._page(request))
        return Response({**page, "webhooks": WebhookSerializer(page["webhooks"], many=True).data})

    @schema.create_webhook
    def create(self, request: Request) -> Response:
        def create() -> tuple[int, Any]:
            webhook, secret = services.create(**self._who, **self._body(WebhookRequestSerializer))
            return 201, {"webhook": {**WebhookSerializer(webhook).data, "webhook_secret": secret}}

        return self.once(request, create)

    @schema.get_webhook
    def retrieve(self, request: Request, webhook_id: str) -> Response:
        webhook, replay = services.get(partner_id=self.caller.tenant_id, webhook_id=webhook_id)
        shown = None if replay is None else WebhookReplaySerializer(replay).data
        return Response({"webhook": {**WebhookSerializer(webhook).data, "replay": shown}})

    @schema.change_webhook
    def partial_update(self, request: Request, webhook_id: str) -> Response:
        changes = self._body(WebhookChangeSerializer)
        webhook = services.change(**self._who, webhook_id=webhook_id, changes=changes)
        return Response({"webhook": WebhookSerializer(webhook).data})

    @schema.delete_webhook
    def destroy(self, request: Request, webhook_id: str) -> Response:
        services.delete(**self._who, webhook_id=webhook_id)
        return Response({"deleted": True})

    @schema.rotate_secret
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request: Request, webhook_id: str) -> Response:
        def rotate() -> tuple[int, Any]:
            overlap = timedelta(hours=self._body(RotateSecretRequestSerializer)["overlap_hours"])
            secret, until = services.rotate_secret(
                **self._who, webhook_id=webhook_id, now=datetime.now(UTC), overlap=overlap
            )
            return 200, {"webhook_secret": secret, "previous_secret_until": until}

        return self.once(request, rotate)

    @schema.test_webhook
    @action(detail=True, methods=["post"])
    def test(self, request: Request, webhook_id: str) -> Response:
        def test() -> tuple[int, Any]:
            self._body(TestRequestSerializer)
            return 202, {"event_id": services.test(**self._who, webhook_id=webhook_id)}

        return self.once(request, test)

    @schema.list_attempts
    @action(detail=True, methods=["get"])
    def attempts(self, request: Request, webhook_id: str) -> Response:
        page = services.attempts(partner_id=self.caller.tenant_id, webhook_id=webhook_id, **self._page(request))
        return Response({**page, "attempts": WebhookAttemptSerializer(page["attempts"], many=True).data})

    @schema.replay_webhook
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, webhook_id: str) -> Response:
        def replay() -> tuple[int, Any]:
            asked = self._body(ReplayRequestSerializer)
            reader = services.replay(**self._who, webhook_id=webhook_id, **asked)
            return 202, {"replay": WebhookReplaySerializer(reader).data}

        return self.once(request, replay)

    @property
    def _who(self) -> dict[str, Any]:
        return {"actor": self.caller.actor, "partner_id": self.caller.tenant_id}

    def _body(self, serializer: type[Any]) -> dict[str, Any]:
        body = serializer(data=self.request.data)
        body.is_valid(raise_exception=True)
        asked: dict[str, Any] = body.validated_data
        return asked

    def _page(self, request: Request) -> dict[str, Any]:
        query = PageQuerySerializer(data=sent_once(request.query_params))
        query.is_valid(raise_exception=True)
        return {"limit": query.validated_data["limit"], "after": query.validated_data.get("cursor")}
