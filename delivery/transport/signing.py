"""How a receiver knows that a request is ours: docs/webhooks.md tells it.

The key is the webhook secret's 64 characters as they are, in both schemes; to Standard Webhooks libraries that is
`whsec_` and their base64.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence


def headers(*, secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The signature headers, with the current secret first and, during a rotation, the one before it second."""
    keys = [secret.encode() for secret in secrets]
    signed = b".".join([message_id.encode(), str(timestamp).encode(), body])
    named = {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(_hmac(key, signed).digest()).decode()}" for key in keys),
        "X-Retivo-Signature": _hmac(keys[0], body).hexdigest(),
    }
    if len(keys) > 1:
        named["X-Retivo-Signature-Previous"] = _hmac(keys[1], body).hexdigest()
    return named


def _hmac(key: bytes, data: bytes) -> hmac.HMAC:
    return hmac.new(key, data, hashlib.sha256)
