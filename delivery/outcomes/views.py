"""The outcome URL over HTTP."""

from collections.abc import Hashable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from rest_framework.request import Request

from delivery.outcomes import schema, services, tokens
from delivery.outcomes.tokens import Named
from delivery.serializers import OutcomeRequestSerializer
from retivo.api.address import client_network
from retivo.api.docs import OpenView
from retivo.api.errors import Problem
from retivo.api.json import Response
from tenants.access import rate_limit

WRONG_TOKENS, SECONDS = 100, 60  # from one address
# Of one action. It takes one outcome, and the rest are repeats.
REPORTS = 30


class OutcomeByUrlView(OpenView):
    """Needs no key. Only a token that was made here leads to the database."""

    is_counted = True
    named: Named

    def parties(self, **path: Any) -> Mapping[Hashable, int]:
        named = tokens.read(path["token"])
        if named is None:
            return super().parties()
        return {("outcomes", named.tenant_id): settings.TENANT_THREADS, "outcomes": settings.UNKNOWN_KEYS_THREADS}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.headers["Cache-Control"] = "no-store"
        named = tokens.read(kwargs["token"])
        if named is None:
            rate_limit.spend_without_key(f"token:{client_network(request)}", (WRONG_TOKENS, SECONDS))
            raise services.no_action()
        # A flood at one URL, or from one receiver, is no other receiver's.
        rate_limit.spend_without_key(f"outcome:{named.action_id}", (REPORTS, SECONDS), name="action")
        sender = f"outcomes:{named.tenant_id}:{client_network(request)}"
        quotas = rate_limit.spend_without_key(sender, rate_limit.parsed(settings.RATE_LIMIT), name="outcomes")
        self.headers |= rate_limit.headers(quotas)
        if named.until <= datetime.now(UTC):
            until = f"Outcomes of this action were taken until {named.until:%Y-%m-%dT%H:%M:%SZ}."
            raise Problem(410, "outcome_window_over", until)
        self.named = named

    @schema.report_by_url
    def post(self, request: Request, token: str) -> Response:
        body = OutcomeRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        tenant_id, action_id, _ = self.named
        services.record_by_url(tenant_id=tenant_id, action_id=action_id, outcome=body.validated_data)
        status = body.validated_data["status"]
        return Response({"recorded": True, "action_id": action_id, "outcome_status": status})
