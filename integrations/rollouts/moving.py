"""Customers from one revision to another, some hundred in one statement: shares, action types, the roll-out's notes.

Runs in the partner's context. Of an action type that stays, the row stays: the customer's `active`, what its model
learned of it and the actions that refer to it. One that the revision has not is withdrawn; one that is new is added,
unless the customer has an own one of that name.
"""

from typing import Any

from django.db import connection

from integrations.models import Rollout

BATCH = 500


def move_on(rollout: Rollout, most: int) -> int:
    """Move up to `most` of the customers that are still to be moved; how many those were."""
    return _move(_TO_MOVE, rollout, most)


def move_back(rollout: Rollout, most: int) -> int:
    """The same of those that were moved, to where they were before."""
    return _move(_TO_RETURN, rollout, most)


def _move(sql: str, rollout: Rollout, most: int) -> int:
    parameters: dict[str, Any] = {
        "rollout_id": rollout.id,
        "integration_id": rollout.integration_id,
        "partner_id": rollout.tenant_id,
        "revision": rollout.revision,
        "most": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        (count,) = cursor.fetchone()
    return int(count)


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

_LOCKED = """
    held AS MATERIALIZED (
        SELECT s.tenant_id, s.revision, c.target
        FROM chosen c JOIN integrations_integrationshare s
          ON s.integration_id = %(integration_id)s AND s.tenant_id = c.tenant_id
        JOIN tenants_tenant t ON t.id = s.tenant_id AND t.delete_at IS NULL
        WHERE s.ended_at IS NULL
        ORDER BY s.tenant_id FOR UPDATE OF s
    )
"""

_TO_MOVE = f"""
    WITH chosen AS MATERIALIZED (
        SELECT c.tenant_id, %(revision)s::int AS target FROM integrations_rolloutcustomer c
        WHERE c.rollout_id = %(rollout_id)s AND c.moved_at IS NULL
        ORDER BY c.tenant_id LIMIT %(most)s
    ), {_LOCKED}, {_MOVED}, noted AS (
        UPDATE integrations_rolloutcustomer c SET moved_at = clock_timestamp(), revision_before = (
            SELECT h.revision FROM held h WHERE h.tenant_id = c.tenant_id
        )
        FROM chosen o WHERE c.rollout_id = %(rollout_id)s AND c.tenant_id = o.tenant_id
    )
    SELECT count(*) FROM chosen
"""  # noqa: S608  # constants

_TO_RETURN = f"""
    WITH chosen AS MATERIALIZED (
        SELECT c.tenant_id, c.revision_before AS target FROM integrations_rolloutcustomer c
        WHERE c.rollout_id = %(rollout_id)s AND c.moved_at IS NOT NULL AND c.returned_at IS NULL
        ORDER BY c.tenant_id LIMIT %(most)s
    ), {_LOCKED.replace("WHERE s.ended_at IS NULL", "WHERE s.ended_at IS NULL AND c.target IS NOT NULL")}, {_MOVED},
    noted AS (
        UPDATE integrations_rolloutcustomer c SET returned_at = clock_timestamp()
        FROM chosen o WHERE c.rollout_id = %(rollout_id)s AND c.tenant_id = o.tenant_id
    )
    SELECT count(*) FROM chosen
"""  # noqa: S608  # constants
