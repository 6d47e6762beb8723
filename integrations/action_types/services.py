"""A tenant's action types: its own, and those its partner shares with it. Runs in the tenant's context."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from integrations import kinds
from integrations.models import ActionType, KindSource
from retivo import encryption
from retivo.api.errors import FieldError, Problem, not_found
from retivo.api.json import encode
from retivo.api.pagination import Cursor, cut_query
from tenants import outbox
from tenants.models import PlanTier, Tenant
from tenants.plans import LIMITS, limit_reached

# What an action type is known by, to receivers and in what was sent.
_FIXED = {"name", "provider"}


def list_action_types(
    *, tenant_id: UUID, where: Mapping[str, Any], limit: int, after: Cursor | None = None
) -> dict[str, Any]:
    """A page of the action types, oldest first, and how many match on all pages."""
    matching = _of(tenant_id).filter(**where)
    total = matching.count()
    if after is not None:
        matching = matching.filter(
            Q(created_at__gt=after.created_at) | Q(created_at=after.created_at, id__gt=str(after.id))
        )
    ordered = matching.order_by("created_at", "id")
    found, next_cursor = cut_query(ordered, limit, lambda found: (found.created_at, found.id))
    return {"action_types": found, "total": total, "next_cursor": next_cursor}


def get_action_type(*, tenant_id: UUID, action_type_id: str) -> ActionType:
    """Raises Problem 404."""
    return _found(_of(tenant_id).filter(id=action_type_id).first())


def register(
    *,
    actor: str,
    tenant_id: UUID,
    name: str,
    provider: str,
    parameters_schema: dict[str, Any],
    **fields: Any,
) -> tuple[ActionType, str]:
    """An action type of the tenant's own, and the secret that will sign what is sent to it: 64 hex characters.

    Raises:
        Problem: 409 `action_type_taken` if the tenant has one of this provider and name, own or shared; 403
            `action_type_limit_reached` if it has as many of its own as its plan allows.
    """
    # Registrations of one tenant take turns, or two could both be the last one.
    tenant = Tenant.objects.select_for_update(no_key=True).only("plan_tier").get(id=tenant_id)
    webhook_secret = secrets.token_hex(32)
    values = {
        **fields,
        **kinds.found({**fields, "name": name}, domain=fields["domain"]),
        "tenant_id": tenant_id,
        "name": name,
        "provider": provider,
        "parameters_schema": encode(parameters_schema).decode(),
        "encrypted_webhook_secret": encryption.encrypt(webhook_secret.encode()),
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)
        row = cursor.fetchone()
    if row is None:
        detail = f"You have an action type `{name}` of the provider `{provider}` already."
        raise Problem(409, "action_type_taken", detail)
    _stay_within_plan(tenant)
    outbox.record(
        actor=actor,
        action="action_type.registered",
        tenant_id=tenant_id,
        target=outbox.Target("action_type", row[0]),
        data={"action_type_id": row[0], "provider": provider, "name": name},
    )
    return get_action_type(tenant_id=tenant_id, action_type_id=row[0]), webhook_secret


def change(*, actor: str, tenant_id: UUID, action_type_id: str, **fields: Any) -> ActionType:
    """Replace the fields that are given. What is on its way goes by them, too.

    Raises:
        Problem: 404; 409 `action_type_renamed` for another name or provider; 403 `action_type_of_partner` for anything
            but `active` of a shared one.
    """
    action_type = _locked(tenant_id, action_type_id)
    if action_type.is_shared and (refused := [name for name in fields if name != "active"]):
        raise _of_partner(refused)
    fields |= _kind_after(action_type, fields)
    changed = {name: value for name, value in fields.items() if getattr(action_type, name) != value}
    if changed.keys() & _FIXED:
        detail = "An action type keeps its name and provider: register another, and switch this one off."
        raise Problem(409, "action_type_renamed", detail)
    if not changed:
        return action_type
    for name, value in changed.items():
        setattr(action_type, name, value)
    action_type.save(update_fields=list(changed))
    about: dict[str, Any] = {
        "tenant_id": tenant_id,
        "target": outbox.Target("action_type", action_type_id),
        "data": _about(action_type),
    }
    if changed.keys() == {"active"}:
        action = "action_type.switched_on" if action_type.active else "action_type.switched_off"
        outbox.record(actor=actor, action=action, **about, previous={"active": not action_type.active})
    else:
        # Of the fields only their names: an address or a schema may tell what is the tenant's own affair.
        about["data"] |= {"changed": sorted(changed)}
        outbox.record(actor=actor, action="action_type.changed", **about)
    return get_action_type(tenant_id=tenant_id, action_type_id=action_type_id)


def _kind_after(action_type: ActionType, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The kind as these fields declare it, or as what changed proposes it where nobody declared one."""
    is_open = action_type.kind_source != KindSource.DECLARED and fields.keys() & {"description", "domain"}
    if "kind" not in fields and not is_open:
        return {}
    now = {"name": action_type.name, "description": action_type.description, "domain": action_type.domain, **fields}
    return kinds.found(now, domain=now["domain"])


def _about(action_type: ActionType) -> dict[str, Any]:
    return {"action_type_id": action_type.id, "provider": action_type.provider, "name": action_type.name}


def rotate_secret(
    *, actor: str, tenant_id: UUID, action_type_id: str, now: datetime, overlap: timedelta
) -> tuple[str, datetime]:
    """A new webhook secret, and until when the one before it signs too.

    Raises:
        Problem: 404; 403 `action_type_of_partner` for a shared one, which its integration's secret signs.
    """
    action_type = _locked(tenant_id, action_type_id)
    if action_type.is_shared:
        raise _of_partner()
    webhook_secret = secrets.token_hex(32)
    until = now + overlap
    action_type.encrypted_previous_secret = action_type.encrypted_webhook_secret
    action_type.encrypted_webhook_secret = encryption.encrypt(webhook_secret.encode())
    action_type.previous_secret_until = until
    action_type.save(update_fields=["encrypted_previous_secret", "encrypted_webhook_secret", "previous_secret_until"])
    outbox.record(
        actor=actor,
        action="action_type.secret_rotated",
        tenant_id=tenant_id,
        target=outbox.Target("action_type", action_type_id),
        data=_about(action_type),
    )
    return webhook_secret, until


def _of(tenant_id: UUID) -> Any:
    found = ActionType.objects.filter(tenant_id=tenant_id).defer(
        "encrypted_webhook_secret", "encrypted_previous_secret"
    )
    return found.annotate(
        deprecated_at=F("integration__deprecated_at"),
        sunset_at=F("integration__sunset_at"),
        held=F("integration__held"),
        # Of a shared one the template has it.
        kind_in_force=Coalesce("template__kind", "kind"),
        kind_found=Coalesce("template__kind_source", "kind_source", Value(KindSource.PROPOSED)),
    )


def _stay_within_plan(tenant: Tenant) -> None:
    tier = PlanTier(tenant.plan_tier)
    limit = LIMITS[tier].own_action_types
    before = ActionType.objects.filter(tenant_id=tenant.id, integration=None).count() - 1
    if before >= limit:
        things = "action types of your own, on or off,"
        raise limit_reached(tier, code="action_type_limit_reached", things=things, current=before, limit=limit)


def _locked(tenant_id: UUID, action_type_id: str) -> ActionType:
    return _found(_of(tenant_id).select_for_update(no_key=True, of=("self",)).filter(id=action_type_id).first())


def _found(action_type: ActionType | None) -> ActionType:
    if action_type is None:
        raise not_found()
    return action_type


def _of_partner(names: Sequence[str] = ()) -> Problem:
    code, detail = (
        "action_type_of_partner",
        "Only your partner can change this; you can switch the action type off and on.",
    )
    errors = [FieldError(pointer=f"/{name}", code=code, detail=detail) for name in names]
    return Problem(403, code, "This action type is your partner's; you can only switch it off and on.", errors=errors)


_INSERT = """
    INSERT INTO integrations_actiontype
        (tenant_id, name, provider, domain, description, parameters_schema, delivery_webhook, estimated_cost_usd,
         encrypted_webhook_secret, active, kind, kind_source)
    VALUES (%(tenant_id)s, %(name)s, %(provider)s, %(domain)s, %(description)s, %(parameters_schema)s::jsonb,
            %(delivery_webhook)s, %(estimated_cost_usd)s, %(encrypted_webhook_secret)s, true, %(kind)s, %(kind_source)s)
    ON CONFLICT (tenant_id, provider, name) DO NOTHING
    RETURNING id
"""
