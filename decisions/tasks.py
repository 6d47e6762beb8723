"""What the worker does for playbooks and decisions by itself, for each tenant that has something to do."""

from datetime import UTC, datetime
from uuid import UUID

from decisions.lift import services as lift
from decisions.playbooks import runner
from decisions.upkeep import aftermath, forgetting
from tenants.context import tenant_context
from tenants.upkeep import rounds

_WITH_PLAYBOOKS = """
    SELECT t.id FROM tenants_tenant t
    WHERE t.plan_status = 'active' AND (
        EXISTS (SELECT FROM decisions_playbook p WHERE p.tenant_id = t.id AND p.status = 'active')
        OR EXISTS (
            SELECT FROM decisions_intervention i WHERE i.tenant_id = t.id AND i.status IN ('planned', 'approved')
        )
    )
    ORDER BY t.created_at, t.id
"""

# An intervention in flight has a decision, and a cost is of one.
_WITH_DECISIONS = """
    SELECT t.id FROM tenants_tenant t
    WHERE t.plan_status = 'active' AND EXISTS (SELECT FROM decisions_decision d WHERE d.tenant_id = t.id)
    ORDER BY t.created_at, t.id
"""

# What was counted of decisions that are gone has to be counted anew, too.
_WITH_LIFT = """
    SELECT t.id FROM tenants_tenant t
    WHERE t.plan_status = 'active' AND (
        EXISTS (SELECT FROM decisions_decision d WHERE d.tenant_id = t.id)
        OR EXISTS (SELECT FROM decisions_liftcount l WHERE l.tenant_id = t.id)
    )
    ORDER BY t.created_at, t.id
"""

# Suspended ones, too. Examples are of decisions, and receivers' answers of actions.
_WITH_ROWS = """
    SELECT t.id FROM tenants_tenant t
    WHERE EXISTS (SELECT FROM decisions_decision d WHERE d.tenant_id = t.id)
        OR EXISTS (SELECT FROM decisions_intervention i WHERE i.tenant_id = t.id)
        OR EXISTS (SELECT FROM delivery_action a WHERE a.tenant_id = t.id)
    ORDER BY t.created_at, t.id
"""


@rounds.periodic(cron="* * * * *", tenants=_WITH_PLAYBOOKS)
def run_playbooks(tenant_id: UUID) -> None:
    """Who enters, who leaves, what is due, and what is done for them."""
    runner.run_tenant(tenant_id)


@rounds.periodic(cron="* * * * *", tenants=_WITH_DECISIONS)
def settle_decisions(tenant_id: UUID) -> None:
    """What came of decisions, and of the interventions they were for."""
    aftermath.settle_tenant(tenant_id)


@rounds.periodic(cron="*/10 * * * *", tenants=_WITH_LIFT)
def count_lift(tenant_id: UUID) -> None:
    """For what partners are told of all their customers; a tenant asks for its own anew each time."""
    with tenant_context(tenant_id):
        lift.keep_count(tenant_id=tenant_id, now=datetime.now(UTC))


@rounds.periodic(cron="41 2 * * *", tenants=_WITH_ROWS)
def forget_old(tenant_id: UUID) -> None:
    """Decisions, interventions, actions and examples that are past their time."""
    forgetting.forget_tenant(tenant_id)
