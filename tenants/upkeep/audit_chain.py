"""Whether the audit trail is as it was written: every entry carries the hash of the one before it.

The database's function `chain_entry` makes the chain. It shows changes by those who can write past the rights of the
roles, such as the owner of the tables. They could also make a new chain: a head that was noted elsewhere shows that.

When a tenant is deleted its entries lose what was told of it, and keep the hash that they had
(`redact_audit_entries`). Of such an entry the chain shows that it was there, and no longer what it said. The entry of
the deletion has to come behind it.
"""

from dataclasses import dataclass

from django.db import connection

from tenants.context import staff_context

BATCH = 10_000  # entries a transaction


@dataclass(frozen=True, kw_only=True)
class Head:
    """The end of a chain: the position of its last entry, and that entry's hash."""

    position: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.position}:{self.hash.hex()}"

    @classmethod
    def read(cls, text: str) -> "Head":
        """The head that was written as `text`.

        Raises:
            ValueError: it is no position and hash.
        """
        position, _, digest = text.partition(":")
        found = cls(position=int(position), hash=bytes.fromhex(digest))
        if len(found.hash) != len(START.hash):
            raise ValueError("A hash has 32 bytes.")
        return found


START = Head(position=0, hash=bytes(32))


class ChainError(Exception):
    """The trail is not as it was written; the text says from which position on."""


def verify(*, noted: Head = START) -> Head:
    """Read the whole chain; its head. Entries that are written meanwhile need not be in it.

    Args:
        noted: a head that the chain must go through.

    Raises:
        ChainError: an entry is missing, was changed or was put in, or the chain does not go through `noted`.
    """
    with staff_context(), connection.cursor() as cursor:
        cursor.execute("SELECT position, hash FROM tenants_audithead")
        row = cursor.fetchone()
    if row is None:
        raise ChainError("The head of the chain is missing.")
    head, found, is_noted = Head(position=row[0], hash=bytes(row[1])), START, noted == START
    while found.position < head.position:
        with staff_context(), connection.cursor() as cursor:
            cursor.execute(_NEXT, {"after": found.position, "last": head.position, "limit": BATCH})
            entries = cursor.fetchall()
        if not entries:
            raise ChainError(f"The entries after position {found.position} are missing.")
        for position, previous, digest, is_shown_so, is_redacted_rightly in entries:
            if position != found.position + 1:
                raise ChainError(f"Position {found.position + 1} is missing or there twice.")
            if bytes(previous) != found.hash:
                raise ChainError(f"The entry at position {found.position} is not the one that was written.")
            if not is_shown_so:
                raise ChainError(f"The entry at position {position} is not the one that its tenant was shown.")
            if not is_redacted_rightly:
                raise ChainError(f"The entry at position {position} is redacted, and its tenant was not deleted then.")
            found = Head(position=position, hash=bytes(digest))
            is_noted = is_noted or found == noted
    if found != head:
        raise ChainError(f"The entry at position {found.position} is not the one that was written.")
    if not is_noted:
        raise ChainError(f"The chain does not go through {noted}.")
    return head


_NEXT = """
    WITH next AS MATERIALIZED (
        SELECT position, previous_hash, tenant_id, redacted_hash, audit_hash(e) AS found_hash,
            is_audit_entry_intact(e) IS NOT FALSE AS is_shown_so
        FROM tenants_auditentry e
        WHERE position > %(after)s AND position <= %(last)s ORDER BY position LIMIT %(limit)s
    ), deletion AS (
        SELECT r.tenant_id, max(d.position) AS position
        FROM (SELECT DISTINCT tenant_id FROM next WHERE redacted_hash IS NOT NULL) r
        JOIN tenants_auditentry d USING (tenant_id)
        WHERE d.action IN ('customer.deleted', 'tenant.deleted') AND d.redacted_hash IS NULL
        GROUP BY r.tenant_id
    )
    SELECT n.position, n.previous_hash, coalesce(n.redacted_hash, n.found_hash), n.is_shown_so,
        n.redacted_hash IS NULL OR coalesce(deletion.position > n.position, false)
    FROM next n LEFT JOIN deletion USING (tenant_id) ORDER BY n.position
"""
