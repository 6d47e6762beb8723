"""From interventions that may be acted on to decisions and actions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from decisions.models import InterventionStatus
from decisions.playbooks import interventions
from decisions.recommending import guardrails, situation
from decisions.recommending import services as recommending
from decisions.recommending.situation import Request
from retivo.api.errors import Problem
from retivo.api.json import encode


class Ready(msgspec.Struct, frozen=True):
    """An intervention that may be acted on now, with what its playbook says about the choice."""

    id: str
    user_id: str
    playbook_id: UUID | None
    channel: str
    strategy_hints: str  # JSON


def act(*, tenant_id: UUID, ready: Sequence[Ready], now: datetime) -> int:
    """Decide for each, dispatch what was chosen and note it; how many were begun or are over by that.

    The one place where interventions become actions. They are locked, and their users are awake. What a
    guardrail stops for now is left as it is, to be asked again, and so is what there is no action type for. Where it is
    decided to do nothing, as for who has opted out, the intervention is cancelled, and its decision says why.
    """
    noted = []
    situation.take_turns(tenant_id=tenant_id, user_ids=[each.user_id for each in ready])
    for one in sorted(ready, key=lambda each: each.user_id):
        request = _request(one)
        try:
            decided = recommending.decide(tenant_id=tenant_id, request=request, now=now)
        except Problem:  # the hints name an action type that the tenant has not, or not yet
            continue
        if decided.stopped_by in guardrails.FOR_ALL:
            break
        if decided.stopped_by in guardrails.FOR_NOW:
            recommending.tell_exhausted(tenant_id=tenant_id, decided=decided)
            continue
        decided = recommending.carry_out(tenant_id=tenant_id, decided=decided, dispatch=True, intervention_id=one.id)
        is_sent = decided.action_id is not None
        reasoning = decided.reasoning
        if decided.shadow:
            reasoning = f"{reasoning} {guardrails.DETAILS[decided.guardrails[-1]]}"
        noted.append(
            {
                "id": one.id,
                "user_id": one.user_id,
                "status": InterventionStatus.SENT if is_sent else InterventionStatus.CANCELLED,
                "decision_id": decided.id,
                "reasoning": reasoning,
                "confidence": decided.confidence,
            }
        )
    if noted:
        with connection.cursor() as cursor:
            cursor.execute(_NOTE, {"tenant_id": tenant_id, "noted": encode(noted).decode(), "now": now})
        users = sorted({str(each["user_id"]) for each in noted})
        interventions.refresh_next_actions(tenant_id=tenant_id, users=users)
    return len(noted)


def _request(one: Ready) -> Request:
    """By the playbook's hints, as far as they are such: they are kept as they were sent."""
    hints: Any = msgspec.json.decode(one.strategy_hints)
    hints = hints if isinstance(hints, dict) else {}

    def text(name: str) -> str | None:
        return hints[name] if isinstance(hints.get(name), str) else None

    named = hints.get("action_types")
    is_list = isinstance(named, list) and bool(named) and all(isinstance(each, str) for each in named)
    parameters = hints.get("parameters")
    return Request(
        user_id=one.user_id,
        domain=text("domain"),
        provider=text("provider"),
        action_types=named if is_list else None,
        context={"parameters": parameters} if isinstance(parameters, dict) else {},
    )


_NOTE = """
    UPDATE decisions_intervention i SET
        status = n.status, decision_id = n.decision_id, reasoning = n.reasoning, confidence = n.confidence,
        sent_at = CASE WHEN n.status = 'sent' THEN %(now)s ELSE i.sent_at END
    FROM jsonb_to_recordset(%(noted)s::jsonb)
        AS n (id text, status text, decision_id text, reasoning text, confidence float8)
    WHERE i.tenant_id = %(tenant_id)s AND i.id = n.id
"""
