"""Secrets at rest: Fernet (AES-128-CBC with HMAC-SHA256) under `settings.ENCRYPTION_KEYS`, newest key first. And tokens
that are stored nowhere, which are authenticated under keys derived from the same.

To rotate: put a new key in front, restart, run `manage.py rotate_encryption`, then drop the old key.
"""

import base64
import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


@lru_cache(maxsize=1)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(plain: bytes) -> bytes:
    return _fernet(tuple(settings.ENCRYPTION_KEYS)).encrypt(plain)


def decrypt(token: bytes) -> bytes:
    """Raises `cryptography.fernet.InvalidToken` where no configured key fits."""
    return _fernet(tuple(settings.ENCRYPTION_KEYS)).decrypt(token)


def rotate(token: bytes) -> bytes:
    """The same secret under the newest key; raises InvalidToken as `decrypt` does."""
    return _fernet(tuple(settings.ENCRYPTION_KEYS)).rotate(token)


def macs(message: bytes, *, purpose: str) -> list[bytes]:
    """HMAC-SHA256 of the message: one under each configured key, the newest first.

    Args:
        purpose: keys are derived for it alone, so what is made for one purpose is worth nothing for another.
    """
    return [hmac.digest(_derived(key, purpose), message, "sha256") for key in settings.ENCRYPTION_KEYS]


@lru_cache(maxsize=64)
def _derived(key: str, purpose: str) -> bytes:
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"retivo {purpose}".encode())
    return derivation.derive(base64.urlsafe_b64decode(key))
