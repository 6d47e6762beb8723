"""Dispatching actions, reading and replaying them. Runs in the tenant's context, in its transaction."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from delivery.models import Action, ActionStatus, Attempt
from integrations.parameters import checking
from retivo.api import forward
from retivo.api.errors import FieldError, Problem, not_found, validation_failed
from retivo.api.forward import Place
from retivo.api.json import encode
from retivo.api.listing import Listing
from retivo.api.pagination import Cursor
from retivo.logging import request_id
from tenants import outbox

# What a committed dispatch wakes workers on.
CHANNEL = "retivo_actions"

CANCELLED_AT_ONCE = 10_000
CANCELLED_WITH_SHARE = 2_000

# Beyond the last retry, some 28 hours after the first attempt.
DEFAULT_LIFETIME = timedelta(days=3)


def dispatch(
    *,
    tenant_id: UUID,
    user_id: str,
    action_type_id: str,
    parameters: dict[str, Any],
    decision_id: str | None,
    now: datetime,
    expires_at: datetime | None = None,
) -> Action:
    """Put an action on its way: the caller's commit is what sends it.

    Raises:
        Problem: 404 where the tenant has no such action type or user, 409 `action_type_inactive`, 400 where the
            parameters break the type's schema, 503 where that cannot be told now.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FIND_TYPE, {"tenant_id": tenant_id, "user_id": user_id, "action_type_id": action_type_id})
        row = cursor.fetchone()
        if row is None:
            raise not_found()
        is_active, schema, name, provider, domain, revision = row
        if not is_active:
            raise Problem(409, "action_type_inactive", "This action type is not active.")
        _check_parameters(tenant_id, parameters, schema)
        action = Action(
            tenant_id=tenant_id,
            action_type_id=action_type_id,
            action_type=name,
            provider=provider,
            domain=domain,
            revision=revision,
            user_id=user_id,
            decision_id=decision_id,
            request_id=request_id(),
            parameters=parameters,
            created_at=now,
            expires_at=expires_at or now + DEFAULT_LIFETIME,
        )
        values: dict[str, Any] = {field: getattr(action, field) for field in _INSERTED} | {
            "parameters": encode(parameters).decode()
        }
        cursor.execute(_INSERT, values)
        (action.id, action.due_at, _) = cursor.fetchone()
    return action


def _check_parameters(tenant_id: UUID, parameters: dict[str, Any], schema: str) -> None:
    if faults := checking.check(schema, parameters, owner=tenant_id):
        raise validation_failed(
            [FieldError(**{**fault, "pointer": f"/parameters{fault['pointer']}"}) for fault in faults]
        )


@dataclass(frozen=True, kw_only=True)
class ActionFilter:
    """Which actions a list shows; None lets all through."""

    status: str | None = None
    provider: str | None = None
    user_id: str | None = None
    since: datetime | None = None


def list_actions(*, tenant_id: UUID, where: ActionFilter, limit: int, after: Place | Cursor | None) -> dict[str, Any]:
    """A page of the tenant's actions, newest first; behind a `Place`, read forward."""
    wanted = {"status": where.status, "provider": where.provider, "user_id": where.user_id}
    values = {name: value for name, value in wanted.items() if value is not None}
    if isinstance(after, Place):
        page = forward.page(_LISTING, tenant_id=tenant_id, limit=limit, after=after, since=where.since, where=values)
    else:
        page = _LISTING.page(
            tenant_id=tenant_id,
            limit=limit,
            after=after,
            where=values,
            ranges=["true" if where.since is None else "t.created_at >= %(since)s"],
            parameters={"since": where.since},
        )
    return page.named("actions")


_COLUMNS = [field.attname for field in Action._meta.concrete_fields]


def _action(row: Any) -> Action:
    members = dict(zip(_COLUMNS, row, strict=True))
    for name in ("parameters", "outcome_result"):
        members[name] = members[name] and json.loads(members[name])
    return Action(**members)


_LISTING: Listing[Action] = Listing(
    table="delivery_action", columns=", ".join(f"t.{name}" for name in _COLUMNS), read=_action, descending=True
)


def get_action(*, tenant_id: UUID, action_id: str) -> tuple[Action, list[Attempt]]:
    """Raises Problem 404."""
    action = Action.objects.filter(tenant_id=tenant_id, id=action_id).first()
    if action is None:
        raise not_found()
    return action, list(Attempt.objects.filter(tenant_id=tenant_id, action_id=action_id).order_by("number"))


def replay(*, tenant_id: UUID, action_id: str, actor: str) -> Action:
    """Send a failed action again, with the whole schedule before it and the same id.

    Raises:
        Problem: 404, 409 `action_not_failed`, 409 `action_expired`.
    """
    with connection.cursor() as cursor:
        cursor.execute(_REPLAY, {"tenant_id": tenant_id, "action_id": action_id})
        replayed = cursor.fetchone() is not None
    action, _ = get_action(tenant_id=tenant_id, action_id=action_id)
    if not replayed:
        if action.status != ActionStatus.FAILED:
            raise Problem(409, "action_not_failed", f"Only a failed action is replayed; this one is {action.status}.")
        raise Problem(409, "action_expired", "This action has expired and will no longer be sent.")
    target = outbox.Target("action", action_id)
    outbox.record(
        actor=actor, action="action.replayed", tenant_id=tenant_id, target=target, data={"action_id": action_id}
    )
    return action


def cancel_actions(*, tenant_id: UUID) -> int:
    """Cancel actions of a tenant that is being deleted, of any other none; how many, of `CANCELLED_AT_ONCE` at most.

    Also in the context of the tenant's partner.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT cancel_actions(%s, %s)", [tenant_id, CANCELLED_AT_ONCE])
        cancelled: int = cursor.fetchone()[0]
    return cancelled


def cancel_all_actions(*, tenant_id: UUID) -> None:
    """Cancel all that waited when the tenant's deletion was scheduled, before it is restored and could be sent.

    Raises:
        Problem: 409 `cancelling_actions` while there is more than is cancelled at once. A worker is at it.
    """
    if cancel_actions(tenant_id=tenant_id) == CANCELLED_AT_ONCE:
        detail = "What waited to be sent is still being cancelled. Send the request again in a minute."
        raise Problem(409, "cancelling_actions", detail, headers={"Retry-After": "60"})


def cancel_actions_of_share(*, integration_id: UUID, customer_id: UUID) -> int:
    """Cancel what is queued of an integration that its partner, in whose context this is, took from a customer.

    Of much that is queued the first `CANCELLED_WITH_SHARE`: a worker ends the rest when it comes due. How many.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT cancel_actions_of_share(%s, %s, %s)", [integration_id, customer_id, CANCELLED_WITH_SHARE]
        )
        cancelled: int = cursor.fetchone()[0]
    return cancelled


_FIND_TYPE = """
    SELECT t.active AND (t.integration_id IS NULL OR t.revision IS NOT NULL), t.parameters_schema::text, t.name,
           t.provider, t.domain, CASE WHEN t.integration_id IS NOT NULL THEN t.revision END
      FROM integrations_actiontype t
      JOIN events_trackeduser u ON u.tenant_id = t.tenant_id AND u.user_id = %(user_id)s
     WHERE t.tenant_id = %(tenant_id)s AND t.id = %(action_type_id)s
"""

_INSERTED = (
    "tenant_id",
    "action_type_id",
    "action_type",
    "provider",
    "domain",
    "revision",
    "user_id",
    "decision_id",
    "request_id",
    "created_at",
    "expires_at",
)

# Due by the database's clock, as the worker is. The notification leaves with the commit.
_INSERT = f"""
    INSERT INTO delivery_action
        ({", ".join(_INSERTED)}, parameters, status, due_at, attempts, replayed_from, failure_reason)
    VALUES ({", ".join(f"%({name})s" for name in _INSERTED)}, %(parameters)s::jsonb, 'pending', now(), 0, 0, '')
    RETURNING id, due_at, pg_notify('{CHANNEL}', '')
"""

_REPLAY = f"""
    UPDATE delivery_action
       SET status = 'pending', due_at = now(), leased_until = NULL, failure_reason = '', replayed_from = attempts
     WHERE tenant_id = %(tenant_id)s AND id = %(action_id)s AND status = 'failed' AND expires_at > now()
    RETURNING id, pg_notify('{CHANNEL}', '')
"""
