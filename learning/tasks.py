"""What a worker does: functions of plain values, safe to repeat and to run in parallel."""

from uuid import UUID

from django.db import connection
from procrastinate.contrib.django import app

from learning import services
from learning.patterns import releases
from tenants.context import tenant_context
from tenants.upkeep import rounds
from tenants.upkeep.rounds import Turn


def fold_tenant(tenant_id: UUID, turn: Turn | None = None) -> int:
    """Fold all that waits for one tenant, a transaction a batch; how many examples.

    Raises:
        TurnOver: what waits is found again.
    """
    total = 0
    while True:
        with tenant_context(tenant_id):
            folded = services.fold(tenant_id=tenant_id)
        if not folded:
            return total
        total += folded
        if turn:
            turn.check()


def fold_waiting() -> int:
    """Fold all that waits, tenant by tenant; how many examples. One that fails stops no other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM tenants_with_waiting_examples() AS tenant_id")
        tenants = [tenant_id for (tenant_id,) in cursor.fetchall()]
    folded: list[int] = []
    rounds.each("fold_examples", tenants, lambda tenant_id, turn: folded.append(fold_tenant(tenant_id)))
    return sum(folded)


@rounds.periodic(cron="* * * * *", tenants=rounds.of(rounds.having("learning_example", "r.features IS NOT NULL")))
def fold_examples(tenant_id: UUID, turn: Turn) -> None:
    """What waits to be learned from."""
    fold_tenant(tenant_id, turn)


@app.periodic(cron="41 3 * * *")
@app.task(queueing_lock="release_patterns")
def release_patterns(timestamp: int) -> None:
    """Release what there is every 92 days; nothing on other nights."""
    releases.release_if_due()
