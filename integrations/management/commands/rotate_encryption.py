"""manage.py rotate_encryption: the second step of changing ENCRYPTION_KEYS."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import models

from retivo import encryption
from tenants.context import staff_context
from tenants.models import IdempotentAnswer


def encrypted() -> list[tuple[type[models.Model], str]]:
    """Every column that holds what retivo.encryption made: by its name, and the body of stored answers."""
    found = [
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.BinaryField) and field.name.startswith("encrypted_")
    ]
    return [*found, (IdempotentAnswer, "body")]


class Command(BaseCommand):
    help = "Encrypt every stored secret anew under the first of ENCRYPTION_KEYS. Safe to repeat."

    def handle(self, **options: Any) -> None:
        for model, column in encrypted():
            count = 0
            with staff_context():
                for row in (
                    model._default_manager.filter(**{f"{column}__isnull": False}).select_for_update().only(column)
                ):
                    setattr(row, column, encryption.rotate(bytes(getattr(row, column))))
                    row.save(update_fields=[column])
                    count += 1
            self.stdout.write(f"{model._meta.verbose_name_plural}: {count} under the newest key")
