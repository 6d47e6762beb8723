"""manage.py rotate_encryption: the second step of changing ENCRYPTION_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import models

from integrations.models import ActionType, PartnerIntegration
from retivo import encryption
from tenants.context import staff_context
from tenants.models import IdempotentAnswer

# Every column that holds what retivo.encryption made.
ENCRYPTED: list[tuple[type[models.Model], str]] = [
    (PartnerIntegration, "encrypted_webhook_secret"),
    (PartnerIntegration, "encrypted_previous_secret"),
    (ActionType, "encrypted_webhook_secret"),
    (ActionType, "encrypted_previous_secret"),
    (IdempotentAnswer, "body"),
]


class Command(BaseCommand):
    help = "Encrypt every stored secret anew under the first of ENCRYPTION_KEYS. Safe to repeat."

    def handle(self, **options: Any) -> None:
        for model, column in ENCRYPTED:
            count = 0
            with staff_context():
                for row in (
                    model._default_manager.filter(**{f"{column}__isnull": False}).select_for_update().only(column)
                ):
                    setattr(row, column, encryption.rotate(bytes(getattr(row, column))))
                    row.save(update_fields=[column])
                    count += 1
            self.stdout.write(f"{model._meta.verbose_name_plural}: {count} under the newest key")
