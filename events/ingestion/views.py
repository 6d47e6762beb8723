"""Taking events in."""

from functools import cached_property
from typing import Any, cast

import psycopg
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from events.ingestion import batch, plain, policy, rejections, schema, services
from events.ingestion.batch import Batch
from events.ingestion.policy import Policy
from retivo.api.errors import Problem
from retivo.api.json import Response, is_json
from retivo.metrics import measures
from tenants.access.authentication import Query
from tenants.access.view import TenantView

_RACES = 20


class EventsView(TenantView):
    """Takes batches; the tenant's policy is asked in the statement that looks up its key."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer anew where another request stored one of the keys meanwhile: then it is seen, and a duplicate."""
        for _ in range(_RACES):
            try:
                return super().dispatch(request, *args, **kwargs)
            except IntegrityError as error:
                if not isinstance(error.__cause__, psycopg.errors.UniqueViolation):
                    raise
        return super().dispatch(request, *args, **kwargs)

    def asked(self) -> Query:
        return policy.query()

    @cached_property
    def policy(self) -> Policy:
        return policy.read(cast("tuple[Any, ...]", self.request.auth))

    def track(self, events: Batch, *, source: str, provider: str | None = None) -> services.Outcome:
        outcome = services.track(
            tenant_id=self.caller.tenant_id,
            policy=self.policy,
            batch=events,
            source=source,
            provider=provider,
        )
        if outcome["rejected"]:
            rejections.record(tenant_id=self.caller.tenant_id, source=source, batch=events)
        transaction.on_commit(lambda: _count(outcome))
        return outcome


def _count(outcome: services.Outcome) -> None:
    measures.count_events(
        accepted=outcome["accepted"],
        duplicates=outcome["duplicates"],
        rejected=[rejection["code"] for rejection in outcome["rejected"]],
    )


class TrackView(EventsView):
    def answered(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer = plain.track(request, digest=self.key, known=self.known) if self.known else None
        return self.finished(answer) if answer else super().answered(request, *args, **kwargs)

    @schema.track
    def post(self, request: Request) -> Response:
        def track() -> tuple[int, Any]:
            return 200, self.track(batch.read(json_body(request), now=self.policy.moment.now), source="track")

        return self.once(request, track)


class ExternalEventsView(EventsView):
    @schema.external_events
    def post(self, request: Request) -> Response:
        def track() -> tuple[int, Any]:
            provider, events = batch.read_of_provider(json_body(request), now=self.policy.moment.now)
            return 200, self.track(events, source="external", provider=provider)

        return self.once(request, track)


def json_body(request: Request) -> bytes:
    """The raw body, which carries load and so is decoded without DRF's parser."""
    if not is_json(request):
        raise Problem(415, "unsupported_media_type", "Send the body as application/json.")
    body: bytes = request.body
    return body
