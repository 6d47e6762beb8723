from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.core.management import call_command

from integrations.models import PartnerIntegration
from retivo import encryption
from tenants.context import staff_context
from tests.conftest import Api


def test_rotate_encryption__new_key_in_front__lets_the_old_one_go(acme: Api, settings: Any) -> None:
    secret = acme.register()["webhook_secret"]
    acme.post("/api/partners/customers", {"name": "M", "slug": "merchant"}, Idempotency_Key="k")
    old, new = settings.ENCRYPTION_KEYS[0], Fernet.generate_key().decode()

    settings.ENCRYPTION_KEYS = [new, old]
    call_command("rotate_encryption")
    settings.ENCRYPTION_KEYS = [new]

    with staff_context():
        stored = bytes(PartnerIntegration.objects.get().encrypted_webhook_secret)
    assert encryption.decrypt(stored).decode() == secret
    again = acme.post("/api/partners/customers", {"name": "M", "slug": "merchant"}, Idempotency_Key="k")
    assert again.headers["Idempotency-Replayed"] == "true"

    settings.ENCRYPTION_KEYS = [old]
    with pytest.raises(InvalidToken):
        encryption.decrypt(stored)
