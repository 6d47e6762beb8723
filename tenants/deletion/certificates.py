"""Certificates of deletion: JSON signed by Ed25519, as a JSON Web Signature (RFC 7515, RFC 8037).

The private key is derived from the newest of `ENCRYPTION_KEYS`, so it is stored nowhere and changes with it. Each
public key is stored before it is used, and is published for good: a certificate can be verified whatever became of its
key.
"""

import base64
import hashlib
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from retivo.api.json import encode
from tenants.models import CertificateKey

_PURPOSE = b"retivo.tenants.deletion.certificates"


def sign(certificate: dict[str, Any]) -> str:
    """The certificate as a JWS in compact form. As staff, in the transaction that keeps it."""
    key = _private_key()
    public = _public(key)
    CertificateKey.objects.bulk_create([public], ignore_conflicts=True)
    headers = {"kid": public.kid, "typ": "JOSE"}
    return jwt.PyJWS().encode(encode(certificate), key, algorithm="EdDSA", headers=headers)


def read(jws: str) -> dict[str, Any]:
    """What a certificate of ours says, with the signature beside."""
    _, payload, _ = jws.split(".")
    certificate: dict[str, Any] = msgspec.json.decode(_decoded(payload))
    return {**certificate, "jws": jws}


def published() -> list[dict[str, str]]:
    """Every public key that a certificate may be signed with, the newest first, as JSON Web Keys (RFC 7517).

    Outside any tenant's context.
    """
    current = _public(_private_key())
    former = CertificateKey.objects.exclude(kid=current.kid).order_by("-created_at", "kid")
    return [
        {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.kid, "x": key.x}
        for key in (current, *former)
    ]


def _private_key() -> Ed25519PrivateKey:
    derive = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=_PURPOSE)
    return Ed25519PrivateKey.from_private_bytes(derive.derive(settings.ENCRYPTION_KEYS[0].encode()))


def _public(key: Ed25519PrivateKey) -> CertificateKey:
    x = _encoded(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    thumbprint = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()  # RFC 7638
    return CertificateKey(kid=_encoded(thumbprint), x=x)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
