"""Customers from one revision to another, some hundred in one statement: shares, action types, the roll-out's notes.

Runs in the partner's context. Of an action type that stays, the row stays: the customer's `active`, what its model
learned of it and the actions that refer to it. One that the revision has not is withdrawn; one that is new is added,
unless the customer has an own one of that name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from integrations.models import Rollout

BATCH = 500


@dataclass(frozen=True)
class Batch:
    """How many customers were looked at, and how many of them have the integration and are at their revision by it."""

    looked_at: int
    moved: int


def choose(rollout: Rollout, customers: Sequence[UUID]) -> int:
    """Note whom the roll-out moves; how many those are."""
    parameters: dict[str, Any] = {
        "rollout_id": rollout.id,
        "partner_id": rollout.tenant_id,
        "customers": list(customers),
    }
    with connection.cursor() as cursor:
        cursor.execute(_CHOOSE, parameters)
        return int(cursor.rowcount)


def move_on(rollout: Rollout, most: int) -> Batch:
    """Move up to `most` of the customers that are still to be moved."""
    return Batch(*_ask(_TO_MOVE, rollout, most))


def move_back(rollout: Rollout, most: int) -> Batch:
    """The same of those that were moved, to where they were before."""
    return Batch(*_ask(_TO_RETURN, rollout, most))


def take_in_late(rollout: Rollout) -> bool:
    """Have those moved, too, that have the integration at another revision by now; whether there are any.

    They got it since the roll-out began, or again: of a part, these alone. The caller holds the integration's lock, for
    which whoever shares it waits, so nobody comes after these.
    """
    found, moved_before = _ask(_TAKE_IN_LATE, rollout)
    rollout.moved -= moved_before
    rollout.total += found - moved_before
    return bool(found)


def take_in_new(rollout: Rollout) -> None:
    """Count those as moved that got the revision since the roll-out began, as new ones or again: they go back, too."""
    (found,) = _ask(_TAKE_IN_NEW, rollout)
    rollout.moved += found
    rollout.total += found


def _ask(sql: str, rollout: Rollout, most: int = 0) -> Sequence[int]:
    parameters: dict[str, Any] = {
        "rollout_id": rollout.id,
        "integration_id": rollout.integration_id,
        "partner_id": rollout.tenant_id,
        "revision": rollout.revision,
        "revision_before": rollout.revision_before,
        "is_for_all": rollout.is_for_all,
        "begun_at": rollout.created_at,
        "most": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: Sequence[int] = cursor.fetchone()
    return found


# `held` has the shares that are there, locked in one order, with the revision that each is to have. A customer that is
# being deleted takes no new row: it stays where it is, and is noted like the others.
_MOVED = """
    share AS (
        UPDATE integrations_integrationshare s SET revision = h.target FROM held h
        WHERE s.integration_id = %(integration_id)s AND s.tenant_id = h.tenant_id AND s.revision <> h.target
    ), kept AS (
        UPDATE integrations_actiontype a SET
            revision = m.revision, description = m.description, parameters_schema = m.parameters_schema,
            delivery_webhook = m.delivery_webhook, estimated_cost_usd = m.estimated_cost_usd
        FROM held h JOIN integrations_revisiontemplate m
          ON m.integration_id = %(integration_id)s AND m.revision = h.target
        WHERE a.tenant_id = h.tenant_id AND a.integration_id = m.integration_id AND a.name = m.name
    ), withdrawn AS (
        UPDATE integrations_actiontype a SET revision = NULL FROM held h
        WHERE a.tenant_id = h.tenant_id AND a.integration_id = %(integration_id)s AND NOT EXISTS (
            SELECT FROM integrations_revisiontemplate m
            WHERE m.integration_id = a.integration_id AND m.revision = h.target AND m.name = a.name
        )
    ), added AS (
        INSERT INTO integrations_actiontype
            (tenant_id, partner_id, integration_id, template_id, revision, provider, domain, name, description,
             parameters_schema, delivery_webhook, estimated_cost_usd, active)
        SELECT h.tenant_id, i.tenant_id, i.id, m.template_id, m.revision, i.provider, i.domain, m.name, m.description,
               m.parameters_schema, m.delivery_webhook, m.estimated_cost_usd, true
        FROM held h
        JOIN integrations_partnerintegration i ON i.id = %(integration_id)s
        JOIN integrations_revisiontemplate m ON m.integration_id = i.id AND m.revision = h.target
        WHERE NOT EXISTS (
            SELECT FROM integrations_actiontype a
            WHERE a.tenant_id = h.tenant_id AND a.integration_id = i.id AND a.name = m.name
        )
        ORDER BY h.tenant_id, m.position
        ON CONFLICT (tenant_id, provider, name) DO NOTHING
    )
"""

_HELD = """
    held AS MATERIALIZED (
        SELECT s.tenant_id, s.revision, c.target
        FROM chosen c JOIN integrations_integrationshare s
          ON s.integration_id = %(integration_id)s AND s.tenant_id = c.tenant_id
        JOIN tenants_tenant t ON t.id = s.tenant_id AND t.delete_at IS NULL
        WHERE s.ended_at IS NULL {also}
        ORDER BY s.tenant_id FOR UPDATE OF s
    )
"""

# Of a customer that was looked at and is not held, `revision_before` stays null: it counts as not moved.
_TO_MOVE = f"""
    WITH chosen AS MATERIALIZED (
        SELECT c.tenant_id, %(revision)s::int AS target FROM integrations_rolloutcustomer c
        WHERE c.rollout_id = %(rollout_id)s AND c.moved_at IS NULL
        ORDER BY c.tenant_id LIMIT %(most)s
    ), {_HELD.format(also="")}, {_MOVED}, noted AS (
        UPDATE integrations_rolloutcustomer c SET moved_at = clock_timestamp(), revision_before = (
            SELECT h.revision FROM held h WHERE h.tenant_id = c.tenant_id
        )
        FROM chosen o WHERE c.rollout_id = %(rollout_id)s AND c.tenant_id = o.tenant_id
    )
    SELECT (SELECT count(*) FROM chosen), (SELECT count(*) FROM held)
"""  # noqa: S608  # constants

# Who has another revision by now has it by something else.
_TO_RETURN = f"""
    WITH chosen AS MATERIALIZED (
        SELECT c.tenant_id, c.revision_before AS target FROM integrations_rolloutcustomer c
        WHERE c.rollout_id = %(rollout_id)s AND c.revision_before IS NOT NULL AND c.returned_at IS NULL
        ORDER BY c.tenant_id LIMIT %(most)s
    ), {_HELD.format(also="AND s.revision = %(revision)s")}, {_MOVED}, noted AS (
        UPDATE integrations_rolloutcustomer c SET returned_at = clock_timestamp()
        FROM chosen o WHERE c.rollout_id = %(rollout_id)s AND c.tenant_id = o.tenant_id
    )
    SELECT (SELECT count(*) FROM chosen), (SELECT count(*) FROM held)
"""  # noqa: S608  # constants

_CHOOSE = """
    INSERT INTO integrations_rolloutcustomer (rollout_id, tenant_id, partner_id)
    SELECT %(rollout_id)s, id, %(partner_id)s FROM unnest(%(customers)s::uuid[]) AS c (id)
"""

# Of those that it looked at before, their share had ended then, or has ended and begun again since.
_TAKE_IN_LATE = """
    WITH late AS MATERIALIZED (
        SELECT s.tenant_id, c.revision_before IS NOT NULL AS was_moved
        FROM integrations_integrationshare s
        JOIN tenants_tenant t ON t.id = s.tenant_id AND t.delete_at IS NULL
        LEFT JOIN integrations_rolloutcustomer c ON c.rollout_id = %(rollout_id)s AND c.tenant_id = s.tenant_id
        WHERE s.integration_id = %(integration_id)s AND s.revision <> %(revision)s AND s.ended_at IS NULL
          AND (%(is_for_all)s OR c.tenant_id IS NOT NULL)
    ), added AS (
        INSERT INTO integrations_rolloutcustomer (rollout_id, tenant_id, partner_id)
        SELECT %(rollout_id)s, l.tenant_id, %(partner_id)s FROM late l
        ON CONFLICT (rollout_id, tenant_id) DO UPDATE SET moved_at = NULL, revision_before = NULL, returned_at = NULL
    )
    SELECT count(*), count(*) FILTER (WHERE was_moved) FROM late
"""

_TAKE_IN_NEW = """
    WITH new AS MATERIALIZED (
        SELECT s.tenant_id, s.created_at
        FROM integrations_integrationshare s
        JOIN tenants_tenant t ON t.id = s.tenant_id AND t.delete_at IS NULL
        LEFT JOIN integrations_rolloutcustomer c ON c.rollout_id = %(rollout_id)s AND c.tenant_id = s.tenant_id
        WHERE s.integration_id = %(integration_id)s AND s.revision = %(revision)s AND s.ended_at IS NULL
          AND s.created_at >= %(begun_at)s AND c.revision_before IS NULL
    ), added AS (
        INSERT INTO integrations_rolloutcustomer (rollout_id, tenant_id, partner_id, revision_before, moved_at)
        SELECT %(rollout_id)s, n.tenant_id, %(partner_id)s, %(revision_before)s, n.created_at FROM new n
        ON CONFLICT (rollout_id, tenant_id)
            DO UPDATE SET revision_before = excluded.revision_before, moved_at = excluded.moved_at
    )
    SELECT count(*) FROM new
"""
