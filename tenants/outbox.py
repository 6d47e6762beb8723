"""What changes, as it is kept and told: each change writes its audit entry and its partner's event by the same call.

Both are written in the change's own transaction. The action of the entry is the type of the event; which actions are no
partner's business, `tenants.catalogue` says.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from retivo.api.json import encode
from retivo.logging import caller_address, request_id
from tenants import catalogue


class Target(NamedTuple):
    """What was changed, if that is not the tenant itself: `("api_key", key_id)`."""

    type: str
    id: object


Change = Mapping[str, Any]  # `from` and `to`


def record(
    *,
    actor: str,
    action: str,
    tenant_id: UUID | None,
    target: Target | None = None,
    data: Mapping[str, Any] | None = None,
    changes: Mapping[str, Change] | None = None,
    previous: Mapping[str, Any] | None = None,
    **detail: Any,
) -> None:
    """Append an audit entry, and an event of the partner that the tenant is or has.

    Neither ever holds a secret, and `data` and `previous` no end user's data. The queries of addresses are masked.

    Args:
        action: an action of the catalogue.
        tenant_id: the tenant that was changed; None of a change to a staff account.
        data: the members of the event, which are kept with the entry as well.
        changes: the fields that changed, which the entry shows, and what they were before the event as `previous`.
        previous: what changed was before, where the partner is told it in other words than the entry.
        detail: what is kept with the entry alone; plain values.
    """
    with connection.cursor() as cursor:
        # The runtime role may insert entries and read none, so this is an INSERT without RETURNING, which the ORM has
        # not.
        cursor.execute(
            f"WITH {RECORDED} SELECT",
            parameters(
                actor=actor,
                action=action,
                tenant_id=tenant_id,
                target=target,
                data=data,
                changes=changes,
                previous=previous,
                **detail,
            ),
        )


def record_each(
    *,
    actor: str,
    action: str,
    tenant_ids: Iterable[UUID],
    target: Target | None = None,
    data: Mapping[str, Any],
    changes: Mapping[UUID, Mapping[str, Change]] | None = None,
) -> None:
    """What `record` does, for each of one or more customers of one partner, to whom the same was done: one statement.

    Args:
        changes: the fields of each customer that changed.
    """
    each = [
        parameters(
            actor=actor,
            action=action,
            tenant_id=tenant_id,
            target=target,
            data=data,
            changes=None if changes is None else changes[tenant_id],
        )
        for tenant_id in sorted(tenant_ids)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORDED_EACH,
            each[0]
            | {f"each_{name}": [one[name] for one in each] for name in ("changed_tenant_id", "detail", "previous")},
        )


def announce(
    *, action: str, tenant_id: UUID, data: Mapping[str, Any], previous: Mapping[str, Any] | None = None
) -> None:
    """Append an event of what Retivo noticed, and changed nothing by. It has no audit entry."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {_ANNOUNCED} SELECT",
            parameters(actor=SYSTEM, action=action, tenant_id=tenant_id, data=data, previous=previous),
        )


SYSTEM = "system"


def parameters(
    *,
    actor: str,
    action: str,
    tenant_id: UUID | None,
    target: Target | None = None,
    data: Mapping[str, Any] | None = None,
    changes: Mapping[str, Change] | None = None,
    previous: Mapping[str, Any] | None = None,
    **detail: Any,
) -> dict[str, Any]:
    """The parameters of RECORDED, from the arguments of `record`."""
    data, detail = _masked(data or {}), _masked(detail)
    if changes is not None:
        changes = _masked(changes)
        detail["changes"] = changes
        previous = {name: change["from"] for name, change in changes.items()} if previous is None else previous
    event = None if tenant_id is None else catalogue.ACTIONS[action]
    return {
        "actor": actor,
        "action": action,
        "changed_tenant_id": tenant_id,
        "target_type": target and target.type,
        "target_id": target and str(target.id),
        "address": caller_address(),
        "request_id": request_id() or None,
        "detail": encode({**data, **detail}).decode(),
        "version": event and event.version,
        "data": encode(data).decode(),
        "previous": None if previous is None else encode(_masked(previous)).decode(),
    }


# Members of events, and fields that change, which are addresses that Retivo sends to.
_URLS = frozenset({"url", "delivery_webhook"})


def _masked(members: Mapping[str, Any]) -> dict[str, Any]:
    """Without the queries of addresses: a token may stand there, and whoever reads events need not hold it."""
    return {name: _without_query(value) if name in _URLS else value for name, value in members.items()}


def _without_query(value: Any) -> Any:
    match value:
        case str() if "?" in value:
            return f"{value.partition('?')[0]}?{MASKED}"
        case {"from": before, "to": after}:
            return {"from": _without_query(before), "to": _without_query(after)}
    return value


MASKED = "…"


_ANNOUNCED = """
    event AS (
        INSERT INTO tenants_partnerevent
            (tenant_id, type, version, customer_id, external_id, actor, request_id, data, previous)
        SELECT coalesce(t.parent_id, t.id), %(action)s, %(version)s::smallint,
            CASE WHEN t.parent_id IS NOT NULL THEN t.id END, t.external_id, %(actor)s,
            coalesce(%(request_id)s::text, ''), %(data)s::jsonb, %(previous)s::jsonb
        FROM tenants_tenant t
        WHERE t.id = %(changed_tenant_id)s AND t.tenant_role <> 'standalone' AND %(version)s::smallint IS NOT NULL
    )
"""

# Also for a statement that makes the change itself.
RECORDED = f"""
    entry AS (
        INSERT INTO tenants_auditentry
            (actor, action, tenant_id, target_type, target_id, address, request_id, detail)
        VALUES (%(actor)s, %(action)s, %(changed_tenant_id)s, %(target_type)s, %(target_id)s, %(address)s::inet,
                %(request_id)s, %(detail)s::jsonb)
    ), {_ANNOUNCED}
"""  # noqa: S608  # a constant

_RECORDED_EACH = """
    WITH changed AS MATERIALIZED (
        SELECT t.id, t.parent_id, t.external_id, c.detail::jsonb, c.previous::jsonb
        FROM unnest(%(each_changed_tenant_id)s::uuid[], %(each_detail)s::text[], %(each_previous)s::text[])
            AS c (id, detail, previous)
        JOIN tenants_tenant t ON t.id = c.id ORDER BY t.id
    ), entry AS (
        INSERT INTO tenants_auditentry
            (actor, action, tenant_id, target_type, target_id, address, request_id, detail)
        SELECT %(actor)s, %(action)s, c.id, %(target_type)s, %(target_id)s, %(address)s::inet, %(request_id)s, c.detail
        FROM changed c
    ), event AS (
        INSERT INTO tenants_partnerevent
            (tenant_id, type, version, customer_id, external_id, actor, request_id, data, previous)
        SELECT c.parent_id, %(action)s, %(version)s::smallint, c.id, c.external_id, %(actor)s,
            coalesce(%(request_id)s::text, ''), %(data)s::jsonb, c.previous
        FROM changed c WHERE %(version)s::smallint IS NOT NULL
    )
    SELECT
"""
