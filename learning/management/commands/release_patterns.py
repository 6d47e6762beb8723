"""manage.py release_patterns: what the nightly task does every 92 days, now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from learning.patterns import releases


class Command(BaseCommand):
    help = "Release patterns over the customers that contribute and have privacy budget left."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what it would ask and cost; look at no outcome")
        parser.add_argument("--epsilon", type=float, help="what each contributor spends; by default a quarter year's")

    def handle(self, *, dry_run: bool, epsilon: float | None, **options: Any) -> None:
        try:
            planned = releases.plan(epsilon=epsilon)
            outcome = None if dry_run else releases.release_patterns(epsilon=epsilon)
        except releases.BudgetError as error:
            raise CommandError(str(error)) from error
        if outcome is None:
            # How many patterns it would be is not said: that is worth as much as a release, and would be free.
            self.stdout.write(
                f"Would ask the customers of {len(planned.partners)} partners for {planned.sums:,} sums, with noise of "
                f"the deviation {planned.deviation:.1f} on each, at ε = {planned.epsilon:.3g} for each contributor. "
                f"Nothing of a partner is told below {planned.least_tenants:.0f} of them in the noisy count."
            )
            return
        self.stdout.write(
            f"Release {outcome.release_id}: {outcome.patterns} patterns, {outcome.over_all} of them over all partners, "
            f"at ε = {outcome.epsilon:.3g} for each contributor."
        )
