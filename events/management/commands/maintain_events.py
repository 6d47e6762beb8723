"""manage.py maintain_events: what keeps the events' partitions in step with time. To be run hourly."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from events import partitions


class Command(BaseCommand):
    help = "Make the events' next partitions, drop those past all retention, empty the rings that are over."

    def handle(self, **options: Any) -> None:
        try:
            done = partitions.maintain()
        except partitions.PartitionsError as error:
            raise CommandError(str(error)) from error
        self.stdout.write("partitions " + ", ".join(f"{job}: {len(names)}" for job, names in done.items()))
