"""Connectors: what the official SDKs and webhooks of other vendors send, taken as it is."""

import base64
import binascii
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request

from events.connectors.shared import reading
from events.connectors.shared.reading import Sent
from events.connectors.shared.translating import translate
from events.connectors.shared.vendor import Outcome, Vendor
from events.ingestion.views import EventsView
from retivo.api.errors import Problem, not_found
from retivo.api.json import Response
from tenants.access import keys
from tenants.access.authentication import bearer_text


class ConnectorView(EventsView):
    """Authenticates by a bearer key, or by one where the vendor's SDK puts it: HTTP Basic, or the body."""

    vendor: Vendor
    batch_member = reading.BATCH

    @cached_property
    def sent(self) -> Sent:
        query = self.request.GET.dict()
        if self.request.method == "GET":
            return reading.read_query(query, self.batch_member)
        return reading.read(self.request.body, self.request.headers.get("Content-Type", ""), query, self.batch_member)

    def key_text(self, request: HttpRequest) -> str:
        user, password = _basic_credentials(request.headers.get("Authorization", ""))
        if key := bearer_text(request) or next(filter(keys.is_well_formed, (user, password)), ""):
            return key
        try:
            return reading.find_key(self.sent, self.vendor.KEY_MEMBERS) or user
        except Problem:  # what is wrong with a body is for those to know who may send one
            return user

    def take(self, request: Request, kind: str = "") -> Response:
        return self.once(request, lambda: (200, self.translate_and_track(request, kind)))

    def translate_and_track(self, request: Request, kind: str) -> Any:
        now = self.policy.moment.now
        batch, skipped = translate(self.vendor, self.sent, kind=kind, key=self.key_text(request), now=now)
        tracked = self.track(batch, source=self.vendor.SOURCE)
        answer = self.vendor.answer(Outcome(sent=self.sent, tracked=tracked, kind=kind))
        return answer if isinstance(answer, int) else {**answer, **tracked, "skipped": skipped}


def known(kind: str, kinds: tuple[str, ...]) -> str:
    if kind not in kinds:
        raise not_found()
    return kind


def _basic_credentials(header: str) -> tuple[str, str]:
    """User name and password, empty where there are none."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(credentials.strip()).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return user, password
