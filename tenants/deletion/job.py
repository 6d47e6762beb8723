"""What is done once a deletion's time has come: rows, then the tenant itself, then a count, then the certificate.

Each step is a short transaction that also notes how many rows went, so whoever looks sees how far it is. A worker holds
a deletion by a lease that each step renews. One that is killed loses it, and another goes on with what is left.

Deletions take turns, step by step, so that a small one need not wait for a large one.
"""

import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import OperationalError, connection
from django.utils import timezone

from tenants import outbox
from tenants.context import staff_context, tenant_context
from tenants.deletion import certificates, named, rows, services
from tenants.models import Deletion, DeletionStatus, Tenant

log = structlog.get_logger("retivo.deletion")

LEASE_SECONDS = 90  # longer than a statement may take
RETRY_SECONDS = 600  # after which a deletion that failed is tried again
AT_ONCE = 8  # deletions that take turns in a worker
LOOK_SECONDS = 5.0  # between two looks for others that are due

STATEMENT_ON_PATTERNS = (
    "Aggregates that were released before with differential privacy stay, as they name nobody: what this tenant "
    "contributed to is listed in releases_contributed, with the epsilon of each release. It is in no later release."
)


class LeftError(Exception):
    """Rows are left after all were deleted."""


class _LeaseLostError(Exception):
    """Another worker goes on with the deletion."""


def delete_now(*, actor: str, tenant_id: UUID, by: str | None = None) -> int:
    """Delete a tenant for good, without a grace; how many rows went. Doing it again finishes what was interrupted.

    Raises:
        Tenant.DoesNotExist: there is none.
        ValidationError: it is a partner and has customers.
        LeftError: rows of it are left.
    """
    with staff_context():
        tenant = services.locked(tenant_id=tenant_id)
        found = Deletion.objects.filter(subject_id=tenant_id, status__in=Deletion.OPEN).first()
        deletion = found or services.schedule(actor=actor, by=by, tenant=tenant, grace_days=0)
    for _ in _Deleting(deletion.id, tenant_id, _claimed(deletion.id)).steps():
        pass
    with staff_context():
        return Deletion.objects.get(id=deletion.id).rows_deleted


def run_due() -> None:
    """Carry out every deletion that is due and that no other worker has, and those that become due meanwhile."""
    working: deque[tuple[_Deleting, Iterator[None]]] = deque()
    look_at = time.monotonic()
    while True:
        if not working or time.monotonic() >= look_at:
            working += [(claim, claim.steps()) for claim in _claim_due(AT_ONCE - len(working))]
            look_at = time.monotonic() + LOOK_SECONDS
        if not working:
            return
        for _ in range(len(working)):
            claim, steps = working.popleft()
            if _goes_on(claim, steps):
                working.append((claim, steps))


def _goes_on(claim: "_Deleting", steps: Iterator[None]) -> bool:
    deletion_id = claim.deletion_id
    try:
        next(steps)
    except StopIteration:
        log.info("tenant_deleted", deletion_id=deletion_id)
    except _LeaseLostError:
        log.warning("deletion_taken_over", deletion_id=deletion_id)
    except OperationalError as error:  # somebody holds a row, or the database went away
        log.warning("deletion_waits", deletion_id=deletion_id, reason=type(error.__cause__ or error).__name__)
    except Exception as error:  # whatever it is, it is this deletion's alone
        log.exception("deletion_failed", deletion_id=deletion_id)
        with staff_context():
            # Unless another worker goes on with it, whose run it is then.
            Deletion.objects.filter(id=deletion_id, lease=claim.lease, status=DeletionStatus.RUNNING).update(
                status=DeletionStatus.FAILED,
                failure=type(error).__name__,
                leased_until=timezone.now() + timedelta(seconds=RETRY_SECONDS),
            )
    else:
        return True
    return False


def _claim_due(most: int) -> list["_Deleting"]:
    with staff_context(), connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"seconds": LEASE_SECONDS, "id": None, "most": most})
        return [_Deleting(*row) for row in cursor.fetchall()]


def _claimed(deletion_id: str) -> UUID:
    """The lease of one that is due."""
    with staff_context(), connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"seconds": LEASE_SECONDS, "id": deletion_id, "most": 1})
        row = cursor.fetchone()
    if row is None:
        raise LeftError("Its grace is not over, or a worker is deleting it now.")
    lease: UUID = row[2]
    return lease


class _Deleting:
    """One deletion that is ours."""

    def __init__(self, deletion_id: str, tenant_id: UUID, lease: UUID) -> None:
        self.deletion_id, self.tenant_id, self.lease = deletion_id, tenant_id, lease

    def steps(self) -> Iterator[None]:
        """Each step is one transaction or a few; the last one leaves the certificate."""
        yield from self._delete_rows()
        self._delete_tenant()
        # Tables without a foreign key to the tenant took rows until then.
        yield from self._delete_rows()
        parts = self._parts(everything=True)
        left = dict.fromkeys((part.table for part in parts), 0)
        for part in self._filled(parts):
            whole = rows.in_passing if part.is_read_whole else rows.at_once
            for step in whole(part, self.tenant_id):
                with staff_context():
                    self._note(part.table, 0)
                    left[part.table] += step.count()
                yield
        if any(left.values()):
            raise LeftError(", ".join(f"{table}: {count}" for table, count in left.items() if count))
        self._certify(left)

    def _parts(self, *, everything: bool) -> list[rows.Part]:
        with staff_context():
            if everything:
                return rows.parts([*rows.tables(), *rows.gone_with_the_tenant()])
            return [part for part in rows.parts(rows.tables()) if part.is_readable]

    def _filled(self, parts: list[rows.Part]) -> list[rows.Part]:
        with staff_context():
            return rows.filled(parts, self.tenant_id)

    def _delete_rows(self) -> Iterator[None]:
        for part in self._filled(self._parts(everything=False)):
            if not part.is_indexed:
                for step in rows.in_passing(part, self.tenant_id):
                    self._delete(step)
                    yield
                continue
            while self._delete(rows.batch(part, self.tenant_id)) == rows.BATCH:
                yield

    def _delete(self, step: rows.Step) -> int:
        with staff_context():
            deleted = step.delete()
            self._note(step.part.table, deleted)
        return deleted

    def _delete_tenant(self) -> None:
        """What is left, and the tenant, unless that is done. Requests that were let in before have ended then."""
        releases = self._releases()
        with staff_context(), connection.cursor() as cursor:
            # Whoever writes about its users holds this, and no key lets anyone in any more.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('retivo.erase:' || %s, 0))", [self.tenant_id])
            tenant = Tenant.objects.select_for_update().filter(id=self.tenant_id).first()
            if tenant is None:
                return
            tables = rows.tables()
            read_whole = {part.table for part in rows.parts(tables) if part.is_read_whole}
            for table, column in tables:
                if table not in read_whole:
                    cursor.execute(f"DELETE FROM {table} WHERE {column} = %s", [self.tenant_id])  # noqa: S608
                    self._note(table, cursor.rowcount)
            for table, column in rows.gone_with_the_tenant():
                cursor.execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", [self.tenant_id])  # noqa: S608
                self._note(table, cursor.fetchone()[0])
            deletion = Deletion.objects.get(id=self.deletion_id)
            deletion.releases = releases
            deletion.save(update_fields=["releases"])
            outbox.record(
                actor=deletion.requested_by,
                action=services.action(tenant, "deleted"),
                tenant_id=self.tenant_id,
                data={"deletion_id": deletion.id, "rows": deletion.rows_deleted},
            )
            cursor.execute("DELETE FROM tenants_tenant WHERE id = %s", [self.tenant_id])
            cursor.execute(_FORGET_ANSWERS, {"partner_id": tenant.parent_id, "named": named.hashes_of(tenant)})
            cursor.execute("SELECT redact_audit_entries(%(id)s), redact_partner_events(%(id)s)", {"id": tenant.id})

    def _releases(self) -> list[dict[str, Any]]:
        """What the tenant's receipts say, which go with it. Staff do not read them."""
        with tenant_context(self.tenant_id), connection.cursor() as cursor:
            cursor.execute(_RELEASES, {"tenant_id": self.tenant_id})
            return [{"release": release, "epsilon": epsilon} for release, epsilon in cursor.fetchall()]

    def _certify(self, left: dict[str, int]) -> None:
        with staff_context():
            deletion = Deletion.objects.select_for_update().get(id=self.deletion_id, lease=self.lease)
            finished_at = datetime.now(UTC)
            tables = sorted({*deletion.tables, *left})
            deletion.jws = certificates.sign(
                {
                    "deletion_id": deletion.id,
                    "tenant_id_hash": deletion.subject_hash,
                    "external_id_hash": deletion.external_id_hash,
                    "requested_by": deletion.requested_by,
                    "requested_at": deletion.requested_at,
                    "finished_at": finished_at,
                    "tables": [
                        {"table": table, "deleted": deletion.tables.get(table, 0), "left": left.get(table, 0)}
                        for table in tables
                    ],
                    "kept": [{"table": table, "why": why} for table, why in rows.KEPT.items()],
                    "releases_contributed": deletion.releases or [],
                    "statement_on_patterns": STATEMENT_ON_PATTERNS,
                    "backups_expire_at": finished_at + timedelta(days=settings.BACKUPS_KEPT_DAYS),
                }
            )
            deletion.status, deletion.finished_at = DeletionStatus.VERIFIED, finished_at
            deletion.failure = ""
            deletion.subject_id = deletion.lease = deletion.leased_until = None
            deletion.reason = ""
            deletion.save()
            # Those that were called off name the tenant, too, and those of its customers name their partner.
            Deletion.objects.filter(subject_id=self.tenant_id).update(subject_id=None, reason="")
            Deletion.objects.filter(owner_id=self.tenant_id).update(owner_id=None)

    def _note(self, table: str, deleted: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                _NOTE,
                {
                    "id": self.deletion_id,
                    "lease": self.lease,
                    "seconds": LEASE_SECONDS,
                    "table": table,
                    "deleted": deleted,
                },
            )
            if cursor.rowcount == 0:
                raise _LeaseLostError


# A restore holds the record before it looks at the clock. Where the tenant is gone already, the rest is to be done.
_CLAIM = """
    UPDATE tenants_deletion d
       SET status = 'running', started_at = coalesce(started_at, clock_timestamp()), lease = gen_random_uuid(),
           leased_until = clock_timestamp() + make_interval(secs => %(seconds)s)
     WHERE d.id IN (
        SELECT id FROM tenants_deletion
        WHERE status IN ('scheduled', 'running', 'failed') AND delete_at <= clock_timestamp()
          AND (leased_until IS NULL OR leased_until < clock_timestamp() OR status = 'failed' AND id = %(id)s)
          AND (%(id)s::text IS NULL OR id = %(id)s)
          AND NOT EXISTS (
              SELECT FROM tenants_tenant t
              WHERE t.id = subject_id AND (t.delete_at <= clock_timestamp()) IS NOT TRUE
          )
        ORDER BY delete_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
     )
    RETURNING d.id, d.subject_id, d.lease
"""

_NOTE = """
    UPDATE tenants_deletion
       SET leased_until = clock_timestamp() + make_interval(secs => %(seconds)s),
           tables = CASE WHEN %(deleted)s::bigint = 0 THEN tables
               ELSE tables || jsonb_build_object(%(table)s::text,
                   coalesce((tables ->> %(table)s::text)::bigint, 0) + %(deleted)s::bigint) END
     WHERE id = %(id)s AND lease = %(lease)s
"""

_RELEASES = """
    SELECT release_id, epsilon FROM learning_receipt WHERE tenant_id = %(tenant_id)s ORDER BY release_id
"""

# What the partner was answered when it provisioned the customer, and all that is past its time.
# The release before kept the id of a provisioned customer as `about`, and no `customers`.
_FORGET_ANSWERS = """
    DELETE FROM tenants_idempotentanswer
    WHERE tenant_id = %(partner_id)s
      AND (customers && %(named)s::bytea[] OR about = %(named)s[1] OR created_at < now() - interval '24 hours')
"""
