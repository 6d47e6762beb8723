"""manage.py verify_audit_trail: whether any entry of the audit trail was changed, removed or put in."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.upkeep.audit_chain import START, ChainError, Head, verify


class Command(BaseCommand):
    help = "Verify the chain of hashes of the audit trail and print its head. Exits with 1 if the chain is broken."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--head", metavar="POSITION:HASH", help="one that was printed before and kept elsewhere")

    def handle(self, *, head: str | None, **options: Any) -> None:
        try:
            noted = Head.read(head) if head else START
        except ValueError as error:
            raise CommandError("--head is the position and the hash that this command printed: 17:9f86d0…") from error
        try:
            found = verify(noted=noted)
        except ChainError as error:
            raise CommandError(f"The audit trail was tampered with. {error}") from error
        self.stdout.write(f"The chain of {found.position} entries is whole. Its head: {found}")
