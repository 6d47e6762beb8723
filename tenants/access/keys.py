"""The text of an API key: `rt_live_` or `rt_test_`, 30 random base-62 characters (178 bits), 6 of checksum.

The checksum is the CRC-32 of all before it, in base 62: it tells a mistyped key from a revoked one without a query.
It is no secret and guards nothing.
"""

import hashlib
import re
import secrets
import string
import zlib
from typing import Literal

Mode = Literal["live", "test"]

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_CHARACTERS = 30
_CHECKSUM_CHARACTERS = 6
_SHOWN_CHARACTERS = 12

_KEY = re.compile(rf"(rt_(?:live|test)_[0-9A-Za-z]{{{_RANDOM_CHARACTERS}}})([0-9A-Za-z]{{{_CHECKSUM_CHARACTERS}}})")


def generate(mode: Mode = "live") -> str:
    body = f"rt_{mode}_" + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))
    return body + _checksum(body)


def is_test(text: str) -> bool:
    return text.startswith("rt_test_")


def is_well_formed(text: str) -> bool:
    """Whether `text` could be a key: shape and checksum. False means a typo, not a wrong key."""
    match = _KEY.fullmatch(text)
    return match is not None and _checksum(match[1]) == match[2]


def digest(text: str) -> bytes:
    """SHA-256: the key is random enough that a slow hash would add nothing but its slowness."""
    return hashlib.sha256(text.encode()).digest()


def prefix(text: str) -> str:
    """What may be shown of a key: 4 random characters beside the mode."""
    return text[:_SHOWN_CHARACTERS]


def _checksum(body: str) -> str:
    number, characters = zlib.crc32(body.encode()), ""
    for _ in range(_CHECKSUM_CHARACTERS):
        number, rest = divmod(number, len(_ALPHABET))
        characters = _ALPHABET[rest] + characters
    return characters
