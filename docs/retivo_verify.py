"""Verify an export of the audit trail without Retivo: the standard library and `cryptography` are all it needs.

    curl -H "Authorization: Bearer $KEY" -H "Accept: application/x-ndjson" \\
        https://retivo.example/api/partners/audit > audit.ndjson
    curl -H "Authorization: Bearer $KEY" https://retivo.example/api/partners/audit/checkpoints?limit=1000 \\
        > checkpoints.json
    curl https://retivo.example/api/.well-known/retivo-keys > keys.json
    python retivo_verify.py audit.ndjson --checkpoints checkpoints.json --keys keys.json

It says which entry is the first one that is not as it was written, and exits with 1 then. The lines have to be as they
were received: a program that reads and writes them may write numbers in another way. `label` and `external_id` are in
no hash, because they change; all else is.

Entries behind the newest checkpoint may have been cut off, or made anew, as nobody can tell from the export. The script
says where that begins.

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
ENTRY = (
    "id", "seq", "created_at", "actor", "action", "target", "customer", "changes", "request_id", "ip", "redacted",
    "content_salt", "content_sha256", "previous_hash", "hash",
)  # fmt: skip

# What is raised by reading what has another form than it should.
MALFORMED = (AttributeError, LookupError, RecursionError, TypeError, ValueError)


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


def verify(lines: Iterable[bytes], *, name: str = "export", part: bool = False) -> Found:
    """What the entries are found to be.

    Args:
        name: of the file, for what is said of it.
        part: entries may be missing, so that redacted ones may be there without the deletion.

    Raises:
        TamperedError: an entry was changed, put in or taken out, or redacted without a deletion.
    """
    read = (_read(f"{name}, line {number}", line) for number, line in enumerate(lines, 1))
    entries = sorted(read, key=lambda entry: entry.seq)
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


def _read(place: str, line: bytes) -> Entry:
    try:
        entry = _members({"content_salt": None, **_json(line)}, *ENTRY)  # entries of earlier releases have no salt
        actor = _members(entry["actor"], "type", "id", "label")
        target, customer = (
            _members(entry["target"], "type", "id"),
            _members(entry["customer"], "tenant_id", "external_id"),
        )
        if not isinstance(is_redacted := entry["redacted"], bool):
            raise TypeError("`redacted` is neither true nor false")
        if not all(isinstance(text, str | None) for text in (actor["label"], customer["external_id"])):
            raise TypeError("`label` or `external_id` is no text")
        return Entry(
            seq=int(entry["seq"]),
            name=f"{entry['id']} ({entry['action']}, {entry['created_at']})",
            previous=entry["previous_hash"],
            stated=entry["hash"],
            found=_hash(entry, actor, target, customer),
            customer=customer["tenant_id"],
            is_redacted=is_redacted,
            is_deletion=entry["action"] == "customer.deleted" and bool(customer["tenant_id"]) and not is_redacted,
        )
    except MALFORMED as error:
        raise TamperedError(f"{place}: no entry, {_said(error)}.") from error


def _json(text: bytes) -> Any:
    return json.loads(text.decode(), parse_int=Number, parse_float=Number, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Of two members of one name, some programs read the first and some the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"of {', '.join(found)} one is there twice")
    return found


def _members(value: dict[str, Any] | None, *names: str) -> dict[str, Any]:
    """The members of an object: these, the first of which it has, and no other, which would be in no hash."""
    if value is None:
        return dict.fromkeys(names)
    if value.keys() != set(names) or value[names[0]] is None:
        raise ValueError(f"there should be {', '.join(names)}, and there is {', '.join(value)}")
    return value


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _hash(entry: dict[str, Any], actor: dict[str, Any], target: dict[str, Any], customer: dict[str, Any]) -> str | None:
    """The entry's hash; None where its content is not what its hash says."""
    content = {"changes": entry["changes"], "ip": entry["ip"]}
    if entry["content_salt"] is not None:
        content["salt"] = entry["content_salt"]
    if entry["redacted"]:
        if content != {"changes": [], "ip": None}:
            return None
    elif _sha256(canonical(content)) != entry["content_sha256"]:
        return None
    if ":" in actor["type"]:
        raise ValueError("`actor.type` has a part of `actor.id`")
    signed = {
        "id": entry["id"],
        "seq": entry["seq"],
        "created_at": entry["created_at"],
        "actor": actor["type"] if actor["id"] is None else f"{actor['type']}:{actor['id']}",
        "action": entry["action"],
        "target_type": target["type"],
        "target_id": target["id"],
        "customer": customer["tenant_id"],
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


class Checkpoint(NamedTuple):
    """What was signed."""

    seq: int
    hash: str
    day: str


def verify_checkpoints(
    checkpoints: dict[str, dict[str, Any]],
    keys: Iterable[dict[str, Any]],
    hashes: dict[int, str],
    *,
    part: bool = False,
) -> list[int]:
    """The entries, by their `seq`, that checkpoints were made of. Each checkpoint has the place where it stands.

    Raises:
        TamperedError: a checkpoint is not genuine, or the entries do not lead to it.
    """
    met = []
    for seq, digest, day in sorted(_signed(place, each, keys) for place, each in checkpoints.items()):
        if seq not in hashes and not part:
            raise TamperedError(f"Entry {seq}, which the checkpoint of {day} was made of, is missing.")
        if seq in hashes:
            if hashes[seq] != digest:
                raise TamperedError(f"Entry {seq} is not the one that the checkpoint of {day} was made of.")
            met.append(seq)
    return met


def _signed(place: str, checkpoint: dict[str, Any], keys: Iterable[dict[str, Any]]) -> Checkpoint:
    try:
        header, payload, signature = checkpoint["jws"].split(".")
        named, signed = _json(_decoded(header)), _json(_decoded(payload))
        key = {each["kid"]: each for each in keys}[named["kid"]]
        if (named["alg"], key["crv"]) != ("EdDSA", "Ed25519"):
            raise ValueError("another algorithm")
        public_key = Ed25519PublicKey.from_public_bytes(_decoded(key["x"]))
        public_key.verify(_decoded(signature), f"{header}.{payload}".encode())
        kind, _ = signed.pop("type"), signed.pop("tenant_id")
        if kind != "audit_checkpoint" or checkpoint != {**signed, "jws": checkpoint["jws"]}:
            raise TamperedError(f"{place}: the checkpoint says other things than what was signed.")
        return Checkpoint(int(signed["seq"]), signed["hash"], signed["day"])
    except (InvalidSignature, *MALFORMED) as error:
        raise TamperedError(f"{place}: the checkpoint is not signed by a key of ours, {_said(error)}.") from error


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _answer(parser: argparse.ArgumentParser, path: Path, name: str) -> dict[str, dict[str, Any]]:
    """What an answer that was saved lists, by its places. The program ends with status 2 if it lists nothing."""
    try:
        found = _json(path.read_bytes())[name]
        return {f"{path}, {name}[{index}]": {**each} for index, each in enumerate(found)}
    except (OSError, *MALFORMED) as error:
        parser.error(f"{path} has no `{name}` that can be read, {_said(error)}.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path)
    parser.add_argument("--checkpoints", type=Path, nargs="*", default=[], help="answers of /audit/checkpoints")
    parser.add_argument("--keys", type=Path, help="the answer of /api/.well-known/retivo-keys")
    parser.add_argument("--part", action="store_true", help="entries may be missing")
    asked = parser.parse_args()
    if asked.checkpoints and not asked.keys:
        parser.error("--checkpoints needs --keys.")
    checkpoints: dict[str, dict[str, Any]] = {}
    for path in asked.checkpoints:
        checkpoints |= _answer(parser, path, "checkpoints")
    keys = _answer(parser, asked.keys, "keys") if asked.keys else {}
    if not asked.export.is_file() or not (asked.part or asked.export.stat().st_size):
        parser.error(f"{asked.export} is missing or empty: there is nothing to verify.")
    try:
        with asked.export.open("rb") as lines:
            found = verify(lines, name=str(asked.export), part=asked.part)
        met = verify_checkpoints(checkpoints, keys.values(), found.hashes, part=asked.part)
    except TamperedError as error:
        sys.stderr.write(f"TAMPERED: {error}\n")
        return 1
    sys.stdout.write(
        f"{len(found.hashes):,} entries are as they were written, {found.redacted:,} of them redacted. "
        f"{len(met):,} of {len(checkpoints):,} checkpoints are met.\n"
    )
    if not asked.part:
        sys.stdout.write(
            f"NOT PROVEN: no checkpoint vouches for entries from {max(met, default=0) + 1} on. They may have been cut "
            "off, or made anew.\n"
        )
    for customer, count in found.unproven.items():
        sys.stdout.write(
            f"NOT PROVEN: {count:,} redacted entries are about the customer {customer}, whose deletion is not in this "
            "export.\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
