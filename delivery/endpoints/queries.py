"""What is read of a partner's endpoints. Every function runs in the partner's tenant context, or as staff.

How an endpoint is stands in its row: the worker keeps it there, and count_endpoints() what waits. A list reads the rows
of its page, the hours of each in which actions failed, and the integrations that send there.
"""

from collections.abc import Sequence
from datetime import datetime
from statistics import quantiles
from typing import Any
from uuid import UUID

from django.db import connection

from delivery.models import Certification, Endpoint, Recovery
from retivo.api.errors import not_found
from retivo.api.listing import Listing
from retivo.api.pagination import Cursor


def page(*, partner_id: UUID, status: str | None, limit: int, after: Cursor | None) -> dict[str, Any]:
    """The partner's endpoints, in the order of their registration, as `shown` has them."""
    found = _LISTING.page(
        tenant_id=partner_id,
        limit=limit,
        after=after,
        ranges=["t.registered_at IS NOT NULL"],
        where={} if status is None else {"status": status},
    )
    return {**found.named("endpoints"), "endpoints": shown(partner_id, found.rows)}


def get(*, partner_id: UUID, endpoint_id: UUID) -> dict[str, Any]:
    """An endpoint as in the list, with its newest recovery and the newest certification for each integration.

    Raises:
        Problem: 404.
    """
    (one,) = shown(partner_id, [find(partner_id=partner_id, endpoint_id=endpoint_id)])
    of_endpoint = {"tenant_id": partner_id, "endpoint_id": endpoint_id}
    newest = Certification.objects.filter(**of_endpoint, integration_id__in=one["integration_ids"])
    return {
        **one,
        "recovery": Recovery.objects.filter(**of_endpoint).order_by("-created_at", "-id").first(),
        "certifications": list(
            newest.order_by("integration_id", "-created_at", "-id").distinct("integration_id").select_related(None)
        ),
    }


def find(*, partner_id: UUID, endpoint_id: UUID, for_update: bool = False) -> Endpoint:
    """Raises Problem 404 for what is no address of the partner's integrations."""
    rows = Endpoint.objects.filter(tenant_id=partner_id, id=endpoint_id, registered_at__isnull=False)
    endpoint: Endpoint | None = (rows.select_for_update(no_key=True) if for_update else rows).first()
    if endpoint is None:
        raise not_found()
    return endpoint


def recovery(*, partner_id: UUID, endpoint_id: UUID, recovery_id: str) -> Recovery:
    """Raises Problem 404."""
    found = Recovery.objects.filter(tenant_id=partner_id, endpoint_id=endpoint_id, id=recovery_id).first()
    if found is None:
        raise not_found()
    return found


def certification(*, partner_id: UUID, endpoint_id: UUID, certification_id: str) -> Certification:
    """Raises Problem 404."""
    found = Certification.objects.filter(tenant_id=partner_id, endpoint_id=endpoint_id, id=certification_id).first()
    if found is None:
        raise not_found()
    return found


def integrations(*, partner_id: UUID, endpoint: Endpoint) -> list[UUID]:
    """Those that send to an endpoint."""
    with connection.cursor() as cursor:
        cursor.execute(_INTEGRATIONS, {"tenant_id": partner_id, "ids": [endpoint.id], "urls": [endpoint.url]})
        found: list[UUID] = [integration_id for row in cursor.fetchall() for integration_id in row[1]]
    return found


def shown(partner_id: UUID, endpoints: Sequence[Endpoint]) -> list[dict[str, Any]]:
    """Endpoints as they are shown."""
    asked: dict[str, Any] = {
        "tenant_id": partner_id,
        "ids": [each.id for each in endpoints],
        "urls": [each.url for each in endpoints],
    }
    with connection.cursor() as cursor:
        cursor.execute(_INTEGRATIONS, asked)
        used: dict[UUID, tuple[list[UUID], datetime | None]] = {id: (ids, at) for id, ids, at in cursor.fetchall()}
        cursor.execute(_FAILED, asked)
        failed: dict[UUID, int] = dict(cursor.fetchall())
    return [_shown(each, *used.get(each.id, ([], None)), failed.get(each.id, 0)) for each in endpoints]


def _shown(
    endpoint: Endpoint, integration_ids: list[UUID], certified_at: datetime | None, failed_24h: int
) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "integration_ids": integration_ids,
        "status": endpoint.status,
        "since": endpoint.since,
        "disabled_because": endpoint.disabled_because,
        "last_success_at": endpoint.last_success_at,
        "last_failure": _last_failure(endpoint),
        "latency_ms": _percentiles(endpoint.latencies),
        "waiting": endpoint.waiting,
        "failed_24h": failed_24h,
        "customers_affected": endpoint.customers_affected,
        "certified_at": certified_at,
    }


def _last_failure(endpoint: Endpoint) -> dict[str, Any] | None:
    if endpoint.last_failure_at is None:
        return None
    is_status = endpoint.last_failure.isdigit()
    return {
        "at": endpoint.last_failure_at,
        "status_code": int(endpoint.last_failure) if is_status else None,
        "error": None if is_status else endpoint.last_failure,
    }


def _percentiles(latencies: Sequence[int]) -> dict[str, int] | None:
    """Of the last answers; None where there was none."""
    if not latencies:
        return None
    if len(latencies) == 1:
        return {"p50": latencies[0], "p95": latencies[0]}
    cuts = quantiles(latencies, n=100, method="inclusive")
    return {"p50": round(cuts[49]), "p95": round(cuts[94])}


_COLUMNS = [field.attname for field in Endpoint._meta.concrete_fields]

_LISTING: Listing[Endpoint] = Listing(
    table="delivery_endpoint",
    columns=", ".join(f"t.{name}" for name in _COLUMNS),
    read=lambda row: Endpoint(**dict(zip(_COLUMNS, row, strict=True))),
    order=("registered_at", "id"),
)

# Certified is an endpoint that is so for each integration that sends there.
_INTEGRATIONS = """
    SELECT e.id, array_agg(u.integration_id ORDER BY u.integration_id),
           CASE WHEN bool_and(u.at IS NOT NULL) THEN min(u.at) END
      FROM unnest(%(ids)s::uuid[], %(urls)s::text[]) AS e (id, url)
     CROSS JOIN LATERAL (
        SELECT m.integration_id, certified_at(%(tenant_id)s::uuid, e.id, m.integration_id, m.revision) AS at
          FROM (
            SELECT m.integration_id, max(m.revision) AS revision FROM integrations_revisiontemplate m
             WHERE m.tenant_id = %(tenant_id)s AND md5(m.delivery_webhook) = md5(e.url) AND m.delivery_webhook = e.url
             GROUP BY 1
          ) m
          JOIN integrations_partnerintegration i ON i.id = m.integration_id AND i.deleted_at IS NULL
     ) u
     GROUP BY e.id
"""

_FAILED = """
    SELECT h.endpoint_id, sum(h.failed)::int FROM delivery_endpointhour h
     WHERE h.tenant_id = %(tenant_id)s AND h.endpoint_id = ANY(%(ids)s::uuid[])
       AND h.hour > now() - interval '24 hours'
     GROUP BY 1
"""
