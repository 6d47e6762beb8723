from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.core.management import call_command

from integrations.models import ActionType, PartnerIntegration
from retivo import encryption
from tenants.context import staff_context
from tests.conftest import Api

ACTION_TYPE = {
    "name": "send_gift_card",
    "description": "Send a gift card",
    "provider": "our-shop",
    "parameters_schema": {},
    "delivery_webhook": "https://hooks.shop.example/cards",
}


def test_rotate_encryption__new_key_in_front__lets_the_old_one_go(acme: Api, settings: Any) -> None:
    secret = acme.register()["webhook_secret"]
    acme.post("/api/partners/customers", {"name": "M", "slug": "merchant"}, Idempotency_Key="k")
    own = acme.post("/api/external/action-types", ACTION_TYPE).json()["action_type"]
    second = acme.post(f"/api/external/action-types/{own['id']}/rotate-secret", {}).json()["webhook_secret"]
    old, new = settings.ENCRYPTION_KEYS[0], Fernet.generate_key().decode()

    settings.ENCRYPTION_KEYS = [new, old]
    call_command("rotate_encryption")
    settings.ENCRYPTION_KEYS = [new]

    with staff_context():
        stored = bytes(PartnerIntegration.objects.get().encrypted_webhook_secret)
        action_type = ActionType.objects.get(id=own["id"])
    assert encryption.decrypt(stored).decode() == secret
    for token, plain in (
        (action_type.encrypted_webhook_secret, second),
        (action_type.encrypted_previous_secret, own["webhook_secret"]),
    ):
        assert encryption.decrypt(bytes(token or b"")).decode() == plain
    again = acme.post("/api/partners/customers", {"name": "M", "slug": "merchant"}, Idempotency_Key="k")
    assert again.headers["Idempotency-Replayed"] == "true"

    settings.ENCRYPTION_KEYS = [old]
    with pytest.raises(InvalidToken):
        encryption.decrypt(stored)
