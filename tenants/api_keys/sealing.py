"""A key's text for one reader alone: a sealed box of libsodium, which `crypto_box_seal_open` opens."""

import base64
import binascii

from nacl.exceptions import CryptoError
from nacl.public import PublicKey, SealedBox


def public_key(text: str) -> PublicKey:
    """An X25519 public key: 32 bytes in Base64.

    Raises:
        ValueError: it is none, or one of the few that keep nothing secret.
    """
    try:
        key = PublicKey(base64.b64decode(text, validate=True))
        SealedBox(key).encrypt(b"")
    except (binascii.Error, CryptoError, TypeError) as error:  # of nacl's own errors, too
        raise ValueError("no X25519 public key") from error
    return key


def seal(text: str, *, to: str) -> str:
    """The sealed box of the text's UTF-8, in Base64. Raises as `public_key` does."""
    return base64.b64encode(SealedBox(public_key(to)).encrypt(text.encode())).decode()
