"""The URL at which the receiver of an action reports its outcome, without a key.

Its token names the action and the end of its window, authenticated under keys that are derived from `ENCRYPTION_KEYS`.
Nothing is stored. A replayed action has the same token, unless the newest key changed meanwhile; then both are good.
"""

import base64
import hmac
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from retivo import encryption

PATTERN = "eo_[A-Za-z0-9_-]{72}"
WINDOW = timedelta(days=30)  # after the action's expiry

_PURPOSE = "outcome URL"
_NAMED_BYTES, _MAC_BYTES = 37, 17  # together a multiple of three: a token is written in one way only


class Named(NamedTuple):
    """What a token is for. `until` is in whole seconds."""

    tenant_id: UUID
    action_id: str
    until: datetime


def url(*, tenant_id: UUID, action_id: str, expires_at: datetime) -> str | None:
    """The action's URL; None where nothing says at which address the API is reached."""
    if not settings.PUBLIC_URL:
        return None
    token = make(tenant_id=tenant_id, action_id=action_id, expires_at=expires_at)
    return f"{settings.PUBLIC_URL}/api/outcomes/{token}"


def make(*, tenant_id: UUID, action_id: str, expires_at: datetime) -> str:
    until = int((expires_at + WINDOW).timestamp())
    named = tenant_id.bytes + bytes.fromhex(action_id.removeprefix("ea_")) + until.to_bytes(5)
    mac = encryption.macs(named, purpose=_PURPOSE)[0][:_MAC_BYTES]
    return f"eo_{base64.urlsafe_b64encode(named + mac).decode()}"


def read(token: str) -> Named | None:
    """What a token of the form PATTERN is for, over or not; None if no configured key made it."""
    content = base64.urlsafe_b64decode(token.removeprefix("eo_"))
    named, mac = content[:_NAMED_BYTES], content[_NAMED_BYTES:]
    macs = [each[:_MAC_BYTES] for each in encryption.macs(named, purpose=_PURPOSE)]
    if not any(hmac.compare_digest(mac, each) for each in macs):
        return None
    until = datetime.fromtimestamp(int.from_bytes(named[32:]), UTC)
    return Named(tenant_id=UUID(bytes=named[:16]), action_id=f"ea_{named[16:32].hex()}", until=until)
