"""manage.py maintain_events: what keeps the events' partitions in step with time. To be run daily."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection


class Command(BaseCommand):
    help = "Make the events' next partitions, drop those past all retention, empty the ring of keys that is next."

    def handle(self, **options: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT made, dropped FROM maintain_events()")
            made, dropped = cursor.fetchone()
        self.stdout.write(f"partitions made: {made}, dropped: {dropped}")
