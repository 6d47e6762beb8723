"""Certifications: leased, and each check stored when it is done, in the context of the endpoint's owner.

A worker that dies leaves the checks that are missing to whoever leases the certification next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from cryptography.fernet import InvalidToken
from django.db import connection

from delivery.endpoints.checks import CHECKS, Check, Subject
from delivery.worker import queues
from retivo.api.json import encode
from tenants import outbox
from tenants.context import tenant_context

log = structlog.get_logger("retivo.delivery")

# Of one check, which sends two probes at most; each check renews it.
_LEASE_SECONDS = 60
_AT_ONCE = 4  # of a worker; each has one request open


@dataclass(frozen=True, kw_only=True)
class Certifying:
    """A certification that is ours until its lease ends."""

    id: str
    tenant_id: UUID
    endpoint_id: UUID
    integration_id: UUID
    url: str
    subject: Subject
    done: int  # checks

    @property
    def left(self) -> tuple[Check, ...]:
        return CHECKS[self.done :]


def claim(free: int = _AT_ONCE) -> list[Certifying]:
    """Lease certifications that nobody works on, `free` at most."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM claim_certifications(%s::int, %s::int)", [free, _LEASE_SECONDS])
        claimed = cursor.fetchall()
    return queues.each_apart(claimed, lambda row: _ready(*row), what="certification_not_read")


def free(running: int) -> int:
    """How many more a worker may work on."""
    return max(0, _AT_ONCE - running)


def store(certifying: Certifying, *, number: int, report: dict[str, Any], is_last: bool | None = None) -> bool:
    """Append what a check saw, and end the certification with the last one; False where another worker has it."""
    if is_last is None:
        is_last = number == len(CHECKS) - 1
    with tenant_context(certifying.tenant_id), connection.cursor() as cursor:
        cursor.execute(
            _STORE,
            {
                "id": certifying.id,
                "tenant_id": certifying.tenant_id,
                "number": number,
                "report": encode([report]).decode(),
                "is_last": is_last,
                "seconds": _LEASE_SECONDS,
            },
        )
        row = cursor.fetchone()
        if row is None:
            return False
        if is_last:
            _tell(certifying, failed=row[0], provider=row[1])
    return True


def _ready(tenant_id: UUID, id: str) -> list[Certifying]:
    """The certification, or none if it ends at once."""
    one = _read(tenant_id, id)
    if one.subject.keys:
        return [one]
    _refuse(one)
    return []


def _read(tenant_id: UUID, id: str) -> Certifying:
    with tenant_context(tenant_id), connection.cursor() as cursor:
        cursor.execute(_READ, {"tenant_id": tenant_id, "id": id})
        endpoint_id, integration_id, url, done, provider, domain, action_type, *encrypted = cursor.fetchone()
    keys: Sequence[str] = ()
    try:
        keys = queues.secrets(encrypted)
    except InvalidToken as error:
        log.error("certification_not_prepared", certification_id=id, exc_info=error)
    subject = Subject(
        partner_id=tenant_id,
        provider=provider,
        domain=domain,
        action_type=action_type,
        keys=keys,
    )
    return Certifying(
        id=id,
        tenant_id=tenant_id,
        endpoint_id=endpoint_id,
        integration_id=integration_id,
        url=url,
        subject=subject,
        done=done,
    )


def _refuse(certifying: Certifying) -> None:
    """End one that nothing can be signed for."""
    report = {
        "check": CHECKS[certifying.done].name,
        "passed": False,
        "saw": "nothing was sent",
        "why": "The integration's webhook secret cannot be read, so that nothing is signed with it: rotate it.",
    }
    store(certifying, number=certifying.done, report=report, is_last=True)


def _tell(certifying: Certifying, *, failed: list[str], provider: str) -> None:
    data: dict[str, Any] = {
        "certification_id": certifying.id,
        "integration_id": certifying.integration_id,
        "provider": provider,
        "endpoint_id": certifying.endpoint_id,
        "url": certifying.url,
    }
    if failed:
        data["failed"] = failed
    action = "endpoint.certification_failed" if failed else "endpoint.certified"
    outbox.record(
        actor=outbox.SYSTEM,
        action=action,
        tenant_id=certifying.tenant_id,
        target=outbox.Target("endpoint", certifying.endpoint_id),
        data=data,
    )


_READ = """
    SELECT c.endpoint_id, c.integration_id, e.url, jsonb_array_length(c.report), i.provider, i.domain,
           coalesce((SELECT m.name FROM integrations_revisiontemplate m
                      WHERE m.integration_id = i.id AND m.revision = c.revision AND m.delivery_webhook = e.url
                      ORDER BY m.position LIMIT 1), ''),
           i.encrypted_webhook_secret,
           CASE WHEN i.previous_secret_until > now() THEN i.encrypted_previous_secret END
      FROM delivery_certification c
      JOIN delivery_endpoint e ON e.tenant_id = c.tenant_id AND e.id = c.endpoint_id
      JOIN integrations_partnerintegration i ON i.id = c.integration_id
     WHERE c.tenant_id = %(tenant_id)s AND c.id = %(id)s
"""

_STORE = """
    UPDATE delivery_certification c SET
        report = c.report || %(report)s::jsonb,
        leased_until = CASE WHEN NOT %(is_last)s THEN clock_timestamp() + make_interval(secs => %(seconds)s) END,
        status = CASE WHEN NOT %(is_last)s THEN 'running'
                      WHEN c.report || %(report)s::jsonb @> '[{"passed": false}]' THEN 'failed' ELSE 'passed' END,
        finished_at = CASE WHEN %(is_last)s THEN now() END
     WHERE c.tenant_id = %(tenant_id)s AND c.id = %(id)s AND c.status = 'running'
       AND jsonb_array_length(c.report) = %(number)s
    RETURNING ARRAY(SELECT r ->> 'check' FROM jsonb_array_elements(c.report) r WHERE NOT (r -> 'passed')::boolean),
              (SELECT i.provider FROM integrations_partnerintegration i WHERE i.id = c.integration_id)
"""
