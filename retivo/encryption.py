"""Secrets at rest: Fernet (AES-128-CBC with HMAC-SHA256) under `settings.ENCRYPTION_KEYS`, newest key first. And tokens
that are stored nowhere, which are authenticated, or sealed, under keys derived from the same.

To rotate: put a new key in front, restart, run `manage.py rotate_encryption`, then drop the old key.
"""

import base64
import hmac
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
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


def seal(plain: bytes, *, purpose: str) -> bytes:
    """The text encrypted and authenticated (AES-SIV, RFC 5297) under the newest key; each time the same.

    Args:
        purpose: as of `macs`.
    """
    return _sealer(settings.ENCRYPTION_KEYS[0], purpose).encrypt(plain, None)


def unseal(sealed: bytes, *, purpose: str) -> bytes | None:
    """What was sealed under one of the configured keys; None where nothing was."""
    for key in settings.ENCRYPTION_KEYS:
        try:
            return _sealer(key, purpose).decrypt(sealed, None)
        except InvalidTag:
            continue
    return None


@lru_cache(maxsize=64)
def _sealer(key: str, purpose: str) -> AESSIV:
    return AESSIV(_derived(key, purpose))


@lru_cache(maxsize=64)
def _derived(key: str, purpose: str) -> bytes:
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"retivo {purpose}".encode())
    return derivation.derive(base64.urlsafe_b64decode(key))
