"""Verify an export of the audit trail without Retivo: the standard library and `cryptography` are all it needs.

    curl -H "Authorization: Bearer $KEY" -H "Accept: application/x-ndjson" \\
        https://retivo.example/api/partners/audit > audit.ndjson
    curl -H "Authorization: Bearer $KEY" https://retivo.example/api/partners/audit/checkpoints?limit=1000 \\
        > checkpoints.json
    curl https://retivo.example/api/.well-known/retivo-keys > keys.json
    python retivo_verify.py audit.ndjson --checkpoints checkpoints.json --keys keys.json

It says which entry is the first one that is not as it was written, and exits with 1 then. The lines have to be as they
were received: a program that reads and writes them may write numbers in another way.

A redacted entry has lost what it said. Only an entry about a customer that was deleted may be redacted, and the entry
of that deletion, `customer.deleted`, has to come behind it.

Of an export with a filter, and of a partner's or a customer's own of /api/audit, entries are missing: `--part` verifies
each one by itself, and says whose deletion the export does not show.
"""

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

START = "0" * 64


class TamperedError(Exception):
    """The text says where."""


class Number(str):
    """A number as it was written."""

    __slots__ = ()


class Entry(NamedTuple):
    """What is kept of a line."""

    seq: int
    name: str
    previous: str
    stated: str  # the hash that it says it has
    found: str | None  # the hash that it has; None where its content is not what it was
    customer: str | None
    is_redacted: bool
    is_deletion: bool  # of its customer


class Found(NamedTuple):
    """What is known of entries that are as they were written."""

    hashes: dict[int, str]  # of each entry by its `seq`
    redacted: int  # how many were redacted
    unproven: dict[str, int]  # how many of these, by their customers whose deletion the entries do not show


def verify(lines: Iterable[str], *, part: bool = False) -> Found:
    """What the entries are found to be.

    Args:
        part: entries may be missing, so that redacted ones may be there without the deletion.

    Raises:
        TamperedError: an entry was changed, put in or taken out, or redacted without a deletion.
    """
    entries = sorted((_read(number, line) for number, line in enumerate(lines, 1)), key=lambda entry: entry.seq)
    hashes: dict[int, str] = {}
    before = START
    for entry in entries:
        expected = len(hashes) + 1
        if not part and entry.seq != expected:
            raise TamperedError(f"Entry {expected} is missing, or there twice: {entry.name} is the next one.")
        if entry.found is None:
            raise TamperedError(f"Entry {entry.seq}, {entry.name}: its changes or its ip are not as they were written.")
        if entry.found != entry.stated:
            raise TamperedError(f"Entry {entry.seq}, {entry.name}, is not as it was written.")
        if not part and entry.previous != before:
            raise TamperedError(f"Entry {entry.seq}, {entry.name}, does not follow the entry before it.")
        hashes[entry.seq] = before = entry.stated
    redacted = sum(entry.is_redacted for entry in entries)
    return Found(hashes, redacted, _without_deletion(entries, part=part))


def _without_deletion(entries: list[Entry], *, part: bool) -> dict[str, int]:
    """How many entries were redacted, by their customers, where no entry shows the customer's deletion."""
    deletions = {entry.customer: entry.seq for entry in entries if entry.is_deletion}
    unproven: dict[str, int] = {}
    for entry in entries:
        if not entry.is_redacted or entry.seq < deletions.get(entry.customer, 0):
            continue
        if entry.customer is None:
            raise TamperedError(f"Entry {entry.seq}, {entry.name}, is redacted, and about no customer.")
        if not part or entry.customer in deletions:
            raise TamperedError(
                f"Entry {entry.seq}, {entry.name}, is redacted, and no later entry is the deletion of its customer "
                f"{entry.customer}."
            )
        unproven[entry.customer] = unproven.get(entry.customer, 0) + 1
    return unproven


def _read(number: int, line: str) -> Entry:
    try:
        entry = json.loads(line, parse_int=Number, parse_float=Number)
        name = f"{entry['id']} ({entry['action']}, {entry['created_at']})"
        customer, is_redacted = (entry["customer"] or {}).get("tenant_id"), bool(entry["redacted"])
        is_deletion = entry["action"] == "customer.deleted" and customer is not None and not is_redacted
        return Entry(
            seq=int(entry["seq"]),
            name=name,
            previous=entry["previous_hash"],
            stated=entry["hash"],
            found=_hash(entry),
            customer=customer,
            is_redacted=is_redacted,
            is_deletion=is_deletion,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise TamperedError(f"Line {number} is no entry: {error!r}") from error


def _hash(entry: dict[str, Any]) -> str | None:
    """The entry's hash; None where its content is not what its hash says."""
    content = {"changes": entry["changes"], "ip": entry["ip"]}
    if entry.get("content_salt") is not None:  # entries of earlier releases have none
        content["salt"] = entry["content_salt"]
    if entry["redacted"]:
        if content != {"changes": [], "ip": None}:
            return None
    elif _sha256(canonical(content)) != entry["content_sha256"]:
        return None
    actor, target, customer = entry["actor"], entry["target"] or {}, entry["customer"] or {}
    signed = {
        "id": entry["id"],
        "seq": entry["seq"],
        "created_at": entry["created_at"],
        "actor": actor["type"] if actor["id"] is None else f"{actor['type']}:{actor['id']}",
        "action": entry["action"],
        "target_type": target.get("type"),
        "target_id": target.get("id"),
        "customer": customer.get("tenant_id"),
        "request_id": entry["request_id"],
        "content_sha256": entry["content_sha256"],
    }
    return _sha256(entry["previous_hash"] + canonical(signed))


def canonical(value: Any) -> str:
    """JSON as PostgreSQL writes `jsonb`: shorter keys first, then by their bytes, a blank behind `:` and `,`."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: (len(name.encode()), name.encode()))
        return "{" + ", ".join(f"{canonical(name)}: {canonical(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(canonical(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def verify_checkpoints(
    checkpoints: list[dict[str, Any]], keys: list[dict[str, Any]], hashes: dict[int, str], *, part: bool = False
) -> int:
    """How many checkpoints the entries lead to.

    Raises:
        TamperedError: a checkpoint is not genuine, or the entries do not lead to it.
    """
    met = 0
    for checkpoint in sorted(checkpoints, key=lambda each: int(each["seq"])):
        signed = _signed(checkpoint, keys)
        seq, digest = int(signed["seq"]), signed["hash"]
        if seq not in hashes and not part:
            raise TamperedError(f"Entry {seq}, which the checkpoint of {signed['day']} was made of, is missing.")
        if seq in hashes:
            if hashes[seq] != digest:
                raise TamperedError(f"Entry {seq} is not the one that the checkpoint of {signed['day']} was made of.")
            met += 1
    return met


def _signed(checkpoint: dict[str, Any], keys: list[dict[str, Any]]) -> dict[str, Any]:
    day = checkpoint.get("day")
    try:
        header, payload, signature = checkpoint["jws"].split(".")
        named = json.loads(_decoded(header))
        signed: dict[str, Any] = json.loads(_decoded(payload))
        (key,) = [key for key in keys if key["kid"] == named["kid"] and key["crv"] == "Ed25519"]
        public_key = Ed25519PublicKey.from_public_bytes(_decoded(key["x"]))
        public_key.verify(_decoded(signature), f"{header}.{payload}".encode())
    except (InvalidSignature, KeyError, TypeError, ValueError) as error:
        raise TamperedError(f"The checkpoint of {day} is not signed by a key of ours.") from error
    stated = {name: value for name, value in checkpoint.items() if name != "jws"}
    told = {name: signed.get(name) for name in stated}
    if named.get("alg") != "EdDSA" or signed.get("type") != "audit_checkpoint" or told != stated:
        raise TamperedError(f"The checkpoint of {day} says other things than what was signed.")
    return signed


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _member(parser: argparse.ArgumentParser, path: Path, name: str) -> list[dict[str, Any]]:
    """A list in an answer that was saved; the program ends with status 2 if the file is another one."""
    try:
        found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))[name]
    except (OSError, ValueError, KeyError, TypeError) as error:
        parser.error(f"{path} has no `{name}` that can be read: {error!r}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path)
    parser.add_argument("--checkpoints", type=Path, nargs="*", default=[], help="answers of /audit/checkpoints")
    parser.add_argument("--keys", type=Path, help="the answer of /api/.well-known/retivo-keys")
    parser.add_argument("--part", action="store_true", help="entries may be missing")
    asked = parser.parse_args()
    if asked.checkpoints and not asked.keys:
        parser.error("--checkpoints needs --keys.")
    checkpoints = [each for path in asked.checkpoints for each in _member(parser, path, "checkpoints")]
    keys = _member(parser, asked.keys, "keys") if asked.keys else []
    if not asked.export.is_file() or not (asked.part or asked.export.stat().st_size):
        parser.error(f"{asked.export} is missing or empty: there is nothing to verify.")
    try:
        with asked.export.open(encoding="utf-8", newline="\n") as lines:
            found = verify(lines, part=asked.part)
        met = verify_checkpoints(checkpoints, keys, found.hashes, part=asked.part)
    except TamperedError as error:
        sys.stderr.write(f"TAMPERED: {error}\n")
        return 1
    sys.stdout.write(
        f"{len(found.hashes):,} entries are as they were written, {found.redacted:,} of them redacted. "
        f"{met:,} of {len(checkpoints):,} checkpoints are met.\n"
    )
    if not met and not asked.part:
        sys.stdout.write("NOT PROVEN: no checkpoint is met, so entries at the end may have been cut off.\n")
    for customer, count in found.unproven.items():
        sys.stdout.write(
            f"NOT PROVEN: {count:,} redacted entries are about the customer {customer}, whose deletion is not in this "
            "export.\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
