"""Verify a certificate of deletion without Retivo: the standard library and `cryptography` are all it needs.

    curl https://retivo.example/api/.well-known/retivo-keys > keys.json
    python verify_certificate.py certificate.json keys.json

`certificate.json` is the member `certificate` of a deletion, or the whole answer of `GET /deletions/{id}`. With
`--tenant-id` (and `--external-id`) it also says whether the certificate is about that customer. The exit status is 0 if
all of that holds.
"""

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class NotGenuineError(Exception):
    """The text says why."""


def verify(certificate: dict[str, Any], keys: list[dict[str, Any]]) -> dict[str, Any]:
    """What was signed, if it is all that the certificate says.

    Raises:
        NotGenuineError: it is not.
    """
    try:
        header, payload, signature = str(certificate["jws"]).split(".")
        named = json.loads(_decoded(header))
        signed: dict[str, Any] = json.loads(_decoded(payload))
    except (KeyError, ValueError) as error:
        raise NotGenuineError(f"There is no signature that can be read: {error}") from error
    if named.get("alg") != "EdDSA":
        raise NotGenuineError(f"It is signed by {named.get('alg')}, not by EdDSA.")
    found = [key for key in keys if key.get("kid") == named.get("kid") and key.get("crv") == "Ed25519"]
    if not found:
        raise NotGenuineError(f"The key {named.get('kid')} is not among those published.")
    public_key = Ed25519PublicKey.from_public_bytes(_decoded(found[0]["x"]))
    try:
        public_key.verify(_decoded(signature), f"{header}.{payload}".encode())
    except (InvalidSignature, ValueError) as error:
        raise NotGenuineError("The signature is not of this text.") from error
    if {name: value for name, value in certificate.items() if name != "jws"} != signed:
        raise NotGenuineError("The certificate says other things than what was signed.")
    left = [table["table"] for table in signed["tables"] if table["left"] != 0]
    if left:
        raise NotGenuineError(f"Rows are left in {', '.join(left)}.")
    return signed


def check_subject(signed: dict[str, Any], tenant_id: str, external_id: str | None) -> None:
    """Raises NotGenuineError if the certificate is about another customer."""
    if signed["tenant_id_hash"] != _hash(tenant_id):
        raise NotGenuineError("It is about another tenant.")
    if external_id is not None and signed["external_id_hash"] != _hash(f"{tenant_id}:{external_id}"):
        raise NotGenuineError("It is about another external id.")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotGenuineError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(found, dict):
        raise NotGenuineError(f"{path} is no JSON object.")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("certificate", type=Path)
    parser.add_argument("keys", type=Path)
    parser.add_argument("--tenant-id")
    parser.add_argument("--external-id")
    asked = parser.parse_args()
    if asked.external_id and not asked.tenant_id:
        parser.error("--external-id needs --tenant-id.")
    try:
        certificate, keys = _read(asked.certificate), _read(asked.keys)
        certificate = certificate.get("deletion") or certificate
        certificate = certificate.get("certificate") or certificate
        if not isinstance(keys.get("keys"), list):
            raise NotGenuineError(f"{asked.keys} has no `keys`: it is not what /api/.well-known/retivo-keys answers.")
        signed = verify(certificate, keys["keys"])
        if asked.tenant_id:
            check_subject(signed, asked.tenant_id, asked.external_id)
    except NotGenuineError as error:
        sys.stderr.write(f"NOT GENUINE: {error}\n")
        return 1
    rows = sum(table["deleted"] for table in signed["tables"])
    sys.stdout.write(
        f"Genuine: {rows:,} rows of {signed['tenant_id_hash']} in {len(signed['tables'])} tables were deleted by "
        f"{signed['finished_at']}, and none was left.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
