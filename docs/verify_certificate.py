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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class NotGenuineError(Exception):
    """The text says why."""


def verify(certificate: dict[str, Any], keys: dict[str, Ed25519PublicKey]) -> dict[str, Any]:
    """What was signed, if it is all that the certificate says.

    Raises:
        NotGenuineError: it is not.
    """
    header, payload, signature = certificate["jws"].split(".")
    named, signed = json.loads(_decoded(header)), json.loads(_decoded(payload))
    if named["alg"] != "EdDSA":
        raise NotGenuineError(f"It is signed by {named['alg']}, not by EdDSA.")
    if named["kid"] not in keys:
        raise NotGenuineError(f"The key {named['kid']} is not among those published.")
    try:
        keys[named["kid"]].verify(_decoded(signature), f"{header}.{payload}".encode())
    except InvalidSignature as error:
        raise NotGenuineError("The signature is not of this text.") from error
    if "type" in signed:  # the same key signs other things, too
        raise NotGenuineError(f"It is no certificate of a deletion, but of the type {signed['type']}.")
    if _text({name: value for name, value in certificate.items() if name != "jws"}) != _text(signed):
        raise NotGenuineError("The certificate says other things than what was signed.")
    left = [table["table"] for table in signed["tables"] if table["left"] != 0]
    if left:
        raise NotGenuineError(f"Rows are left in {', '.join(left)}.")
    found: dict[str, Any] = signed
    return found


def _text(value: Any) -> str:
    """To compare by: for Python, `0` and `false` are equal."""
    return json.dumps(value, sort_keys=True)


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


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever in a file has another form than it should ends in a sentence that names the file."""
    try:
        yield
    except (OSError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise NotGenuineError(f"{path} cannot be read, {type(error).__name__}: {error}.") from error


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Of two members of one name, some programs read the first and some the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"of {', '.join(found)} one is there twice")
    return found


def _given(text: str) -> str:
    """The value of an option. An empty one is most likely a variable that is not set."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty")
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("certificate", type=Path)
    parser.add_argument("keys", type=Path)
    parser.add_argument("--tenant-id", type=_given)
    parser.add_argument("--external-id", type=_given)
    asked = parser.parse_args()
    if asked.external_id and not asked.tenant_id:
        parser.error("--external-id needs --tenant-id.")
    try:
        with _reading(asked.keys):
            published = [key for key in _json(asked.keys)["keys"] if key["crv"] == "Ed25519"]
            keys = {key["kid"]: Ed25519PublicKey.from_public_bytes(_decoded(key["x"])) for key in published}
        with _reading(asked.certificate):
            certificate = _json(asked.certificate)
            certificate = certificate.get("deletion") or certificate
            signed = verify(certificate.get("certificate") or certificate, keys)
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
