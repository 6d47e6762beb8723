"""manage.py release_patterns: what the nightly task does, now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from learning.releases import BudgetError, release_patterns


class Command(BaseCommand):
    help = "Release patterns over the customers that contribute and have privacy budget left."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="do everything, keep nothing, spend nothing")
        parser.add_argument("--epsilon", type=float, help="what each contributor spends; a year's budget by default")

    def handle(self, *, dry_run: bool, epsilon: float | None, **options: Any) -> None:
        try:
            outcome = release_patterns(epsilon=epsilon, dry_run=dry_run)
        except BudgetError as error:
            raise CommandError(str(error)) from error
        if not outcome.partners:
            self.stdout.write("Nothing: no partner has enough customers that contribute and have budget left.")
            return
        done = "Would release" if dry_run else f"Release {outcome.release_id}:"
        self.stdout.write(
            f"{done} {outcome.patterns} patterns of {outcome.partners} partners, {outcome.over_all} of them over all "
            f"partners, at ε = {outcome.epsilon:g} for each contributor."
        )
