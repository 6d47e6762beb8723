"""Secrets at rest: Fernet (AES-128-CBC with HMAC-SHA256) under `settings.ENCRYPTION_KEYS`, newest key first.

To rotate: put a new key in front, restart, run `manage.py rotate_encryption`, then drop the old key.
"""

from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
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
