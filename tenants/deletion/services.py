"""A deletion is scheduled and, until its time comes, undone. What it then takes, `tenants.deletion.job` does.

While a tenant is being deleted its keys are refused, nothing is sent for it, it is in no release, and the trigger
`not_while_deleting` refuses new rows of it. Its slug stays taken until it is gone.
"""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from retivo.api.errors import Problem
from tenants import outbox
from tenants.customers import deleting
from tenants.models import Control, Deletion, DeletionStatus, PlanStatus, Tenant, TenantRole

GRACE_DAYS = 30
MAX_GRACE_DAYS = 90


def hash_of(text: str) -> str:
    """As a record and a certificate name what is gone: SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic(savepoint=False)
def schedule(
    *, actor: str, tenant: Tenant, grace_days: int = GRACE_DAYS, reason: str = "", by: str | None = None
) -> Deletion:
    """Have a tenant deleted once its grace is over, by the database's clock.

    Args:
        actor: as the audit entry names it.
        tenant: whose row the caller has locked.
        by: as the record and the certificate name who asked; the actor where None.

    Raises:
        Problem: 409 `customer_deleting` if it is being deleted already.
        ValidationError: it is a partner and has customers.
    """
    if tenant.delete_at is not None:
        raise deleting(tenant.id, tenant.delete_at)
    if Tenant.objects.filter(parent_id=tenant.id).exists():
        raise ValidationError(f"{tenant} has customers: delete them first.")
    now = _now()
    delete_at = now + timedelta(days=grace_days)
    _set(tenant, PlanStatus.DELETING, delete_at)
    external_id = tenant.external_id
    deletion = Deletion(
        subject_id=tenant.id,
        subject_hash=hash_of(str(tenant.id)),
        external_id_hash=None if external_id is None else hash_of(f"{tenant.id}:{external_id}"),
        owner_id=tenant.parent_id,
        requested_by=by or actor,
        requested_at=now,
        delete_at=delete_at,
        reason=reason,
    )
    deletion.save(force_insert=True)
    outbox.record(
        actor=actor,
        action=action(tenant, "deletion_scheduled"),
        tenant_id=tenant.id,
        data={"deletion_id": deletion.id, "delete_at": delete_at},
        reason=reason,
    )
    return deletion


@transaction.atomic(savepoint=False)
def restore(*, actor: str, tenant: Tenant) -> Deletion:
    """Undo a deletion whose time has not come: the tenant is as it was, but for what was cancelled.

    Args:
        tenant: whose row the caller has locked.

    Raises:
        Problem: 409 `customer_not_deleting` if nothing is to be undone, 409 `deletion_due` if its time has come.
    """
    if tenant.delete_at is None:
        raise Problem(409, "customer_not_deleting", "This tenant is not being deleted.")
    # Held before the clock is asked: a worker takes up no deletion that somebody is about to undo.
    deletion = Deletion.objects.select_for_update().get(subject_id=tenant.id, status__in=Deletion.OPEN)
    # The trigger `restored_in_time` asks the same clock, a moment later.
    if tenant.delete_at <= _now():
        raise Problem(409, "deletion_due", "The grace is over: this tenant is being deleted for good.")
    is_suspended = Control.objects.filter(tenant_id=tenant.id, suspended_since__isnull=False).exists()
    _set(tenant, PlanStatus.SUSPENDED if is_suspended else PlanStatus.ACTIVE, None)
    deletion.status, deletion.finished_at = DeletionStatus.CANCELLED, _now()
    deletion.save(update_fields=["status", "finished_at"])
    outbox.record(
        actor=actor, action=action(tenant, "restored"), tenant_id=tenant.id, data={"deletion_id": deletion.id}
    )
    return deletion


def locked(*, tenant_id: UUID, partner_id: UUID | None = None) -> Tenant:
    """A tenant for `schedule` and `restore`, with its partner's row locked, too, if that is what asks.

    Two deletions of a partner's customers come one after another, so that each is counted.

    Raises:
        Tenant.DoesNotExist: there is none, or the partner has no such customer.
    """
    ids = [tenant_id] if partner_id is None else [tenant_id, partner_id]
    # NO KEY: events go on being counted, whose rows refer to these.
    found = {t.id: t for t in Tenant.objects.select_for_update(no_key=True).filter(id__in=ids).order_by("id")}
    tenant = found.get(tenant_id)
    if tenant is None or (partner_id is not None and tenant.parent_id != partner_id):
        raise Tenant.DoesNotExist
    return tenant


def action(tenant: Tenant, what: str) -> str:
    """As the audit trail names it. The partner's events are of its customers; nobody is told of its own deletion."""
    return f"{'customer' if tenant.tenant_role == TenantRole.CUSTOMER else 'tenant'}.{what}"


def _set(tenant: Tenant, plan_status: PlanStatus, delete_at: datetime | None) -> None:
    tenant.plan_status, tenant.delete_at, tenant.updated_at = plan_status, delete_at, timezone.now()
    tenant.save(update_fields=["plan_status", "delete_at", "updated_at"])


def _now() -> datetime:
    """By the database's clock, at this moment and not when the transaction began."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
