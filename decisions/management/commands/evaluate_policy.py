"""manage.py evaluate_policy: what another policy would have earned, from the decisions in a tenant's ledger."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from math import isinf
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from decisions.ledger import services as ledger
from learning import services as learning
from learning.evaluation.estimators import ENOUGH, Estimate
from learning.evaluation.services import Logged, Policy, evaluate, of_state, uniform
from learning.model.state import NOTHING
from tenants import services
from tenants.context import staff_context, tenant_context

MOST = 100_000


class Command(BaseCommand):
    help = (
        "Estimate the mean reward of a policy from decisions that another one made, by IPS, SNIPS and DR with 95 % "
        "intervals. Those that were drawn and whose outcome is known count; what a guardrail decided tells nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG-or-uuid", required=True)
        parser.add_argument(
            "--policy",
            default="current",
            help="`current` (the model as it is now), `uniform`, `nothing`, or an action type's id (always that one)",
        )
        parser.add_argument("--days", type=int, default=30, help="how far to look back (30)")

    def handle(self, *, tenant: str, policy: str, days: int, **options: Any) -> None:
        try:
            with staff_context():
                found = services.find_tenant(tenant)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        since = datetime.now(UTC) - timedelta(days=days)
        lines = (
            line
            for batch in ledger.batches(tenant_id=found.id, since=since, until=None)
            for line in batch
            if line.drawn and not line.shadow and line.reward is not None
        )
        decisions = [_logged(line) for line in islice(lines, MOST)]
        if len(decisions) < 2:
            raise CommandError(f"{len(decisions)} decisions of {days} days have an outcome: too few to tell from.")
        names = sorted({name for decision in decisions for name in decision.features})
        with tenant_context(found.id):
            state = learning.load(tenant_id=found.id)
        candidate = of_state(state, names) if policy == "current" else _policy(policy)
        earned = sum(decision.reward for decision in decisions) / len(decisions)
        self.stdout.write(f"decisions: {len(decisions)}, mean reward as they were made: {earned:.4f}")
        for name, estimate in evaluate(decisions=decisions, policy=candidate, names=names).items():
            self.stdout.write(f"{name:<6} {estimate.value:.4f}  {_sure(estimate)}")


def _sure(estimate: Estimate) -> str:
    if isinf(estimate.high):
        return f"no interval: {estimate.effective:.0f} effective decisions, of {ENOUGH} that it takes"
    return f"95 %: {estimate.low:.4f} to {estimate.high:.4f}  effective decisions: {estimate.effective:.0f}"


def _logged(line: ledger.Exported) -> Logged:
    features = msgspec.json.decode(line.features)
    return Logged(
        features={name: value for name, value in features.items() if value is not None},
        actions=line.actions,
        action=line.action,
        propensity=line.propensity,
        reward=line.reward or 0.0,
    )


def _policy(name: str) -> Policy:
    if name == "uniform":
        return uniform
    if name != NOTHING and not name.startswith("at_"):
        raise CommandError("A policy is `current`, `uniform`, `nothing` or an action type's id.")

    def always(_: Any, actions: Any) -> list[float]:
        """This action where it is a candidate, else nothing."""
        wanted = name if name in actions else NOTHING
        return [float(action == wanted) for action in actions]

    return always
