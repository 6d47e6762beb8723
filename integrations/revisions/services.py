"""Publishing what an integration becomes, and reading it. Every function runs in the partner's context, or as staff."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import connection

from integrations import kinds, shares, webhook_url
from integrations.models import ActionTypeTemplate, PartnerIntegration, Revision, RevisionTemplate
from integrations.revisions import comparing
from integrations.revisions.comparing import Content, Reason
from retivo.api.errors import FieldError, Problem, not_found, validation_failed
from retivo.api.values import same
from tenants import outbox

MAX_REVISIONS = 1000


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A revision with what it holds, and how it compares to the revision that all customers had before it."""

    number: int
    base: int | None
    note: str
    created_at: datetime
    action_type_templates: Sequence[RevisionTemplate]
    event_mappings: Sequence[Mapping[str, Any]]
    diff: dict[str, Any] | None
    compatibility: str
    reasons: Sequence[Reason]


def found(*, partner_id: UUID, integration_id: UUID, lock: bool = False) -> PartnerIntegration:
    """The partner's integration. Raises Problem 404."""
    integrations = PartnerIntegration.objects.filter(tenant_id=partner_id, deleted_at=None)
    if lock:
        integrations = integrations.select_for_update(no_key=True, of=("self",))
    integration = integrations.defer("encrypted_webhook_secret").filter(id=integration_id).first()
    if integration is None:
        raise not_found()
    return integration


def publish(
    *,
    actor: str,
    partner_id: UUID,
    integration_id: UUID,
    action_type_templates: Sequence[Mapping[str, Any]] | None = None,
    event_mappings: Sequence[Mapping[str, Any]] | None = None,
    note: str = "",
) -> tuple[Shown, bool]:
    """The integration's next revision, which nobody has before a roll-out; and whether it is new.

    What the newest one holds already is not published again: that one is answered, with its own note. Kinds are no part
    of a revision: they are in force at once.

    Args:
        action_type_templates: all that the revision has; those of the integration's revision where None.
        event_mappings: the same of these.

    Raises:
        Problem: 404; 403 `revision_limit_reached`.
    """
    integration = found(partner_id=partner_id, integration_id=integration_id, lock=True)
    base = Revision.objects.get(integration_id=integration.id, number=integration.revision)
    last = Revision.objects.filter(integration_id=integration.id).latest("number")
    newest = last.number
    mappings = base.event_mappings if event_mappings is None else list(event_mappings)
    templates = _fields_of(integration, base.number) if action_type_templates is None else action_type_templates
    held = _whole(_fields_of(integration, newest))
    if same(mappings, last.event_mappings) and same(_whole(templates), held):
        if declared := kinds.follow(integration, templates):
            _record(integration, actor, "integration.updated", {"changed": ["kinds"]}, declared)
        return get(partner_id=partner_id, integration_id=integration.id, number=newest), False
    if newest >= MAX_REVISIONS:
        raise Problem(
            403,
            "revision_limit_reached",
            f"An integration has at most {MAX_REVISIONS:,} revisions.",
            extra={"current": newest, "limit": MAX_REVISIONS, "upgrade_to": None},
        )
    revision = Revision(
        integration_id=integration.id,
        tenant_id=partner_id,
        number=newest + 1,
        base=base.number,
        event_mappings=mappings,
        note=note,
    )
    revision.save(force_insert=True)
    turned = kinds.follow(integration, templates)
    _insert_templates(revision, templates, domain=integration.domain)
    if mappings and not integration.maps_events_later:
        integration.maps_events_later = True
        integration.save(update_fields=["maps_events_later"])
    shown = get(partner_id=partner_id, integration_id=integration.id, number=revision.number)
    about = {"revision": revision.number, "compatibility": shown.compatibility}
    _record(integration, actor, "integration.revision_published", about, turned)
    return shown, True


def get(*, partner_id: UUID, integration_id: UUID, number: int, against: int | None = None) -> Shown:
    """A revision, compared to the one `against`, or to the one that all customers had when it was published.

    Raises:
        Problem: 404.
    """
    revision = _one(partner_id, integration_id, number)
    base = revision.base if against is None else _one(partner_id, integration_id, against).number
    content = content_of(integration_id, number)
    before = None if base is None else content_of(integration_id, base)
    why = comparing.reasons(before, content) if before else []
    return Shown(
        number=number,
        base=base,
        note=revision.note,
        created_at=revision.created_at,
        action_type_templates=list(
            kinds.with_kinds(RevisionTemplate.objects.filter(integration_id=integration_id, revision=number))
        ),
        event_mappings=revision.event_mappings,
        diff=comparing.diff(before, content) if before else None,
        compatibility="breaking" if why else "compatible",
        reasons=why,
    )


def list_revisions(*, partner_id: UUID, integration_id: UUID, limit: int, before: int | None) -> dict[str, Any]:
    """A page of the revisions, the newest first, and how many customers have each."""
    found(partner_id=partner_id, integration_id=integration_id)
    with connection.cursor() as cursor:
        cursor.execute(
            _LIST,
            {"partner_id": partner_id, "integration_id": integration_id, "limit": limit + 1, "before": before},
        )
        names = ("number", "base", "note", "created_at", "customers")
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        cursor.execute(_COUNT, {"integration_id": integration_id})
        (total,) = cursor.fetchone()
    page = rows[:limit]
    next_cursor = str(page[-1]["number"]) if len(rows) > limit else None
    return {"revisions": page, "total": total, "next_cursor": next_cursor}


def content_of(integration_id: UUID, number: int) -> Content:
    """What a revision holds, as it is compared."""
    templates = RevisionTemplate.objects.filter(integration_id=integration_id, revision=number)
    mappings = Revision.objects.get(integration_id=integration_id, number=number).event_mappings
    return Content(
        action_types={
            template.name: {
                "description": template.description,
                "parameters_schema": template.parameters_schema,
                "delivery_webhook": template.delivery_webhook,
                "estimated_cost_usd": None
                if template.estimated_cost_usd is None
                else _number(template.estimated_cost_usd),
            }
            for template in templates
        },
        event_mappings={mapping["from"]: mapping for mapping in mappings},
    )


def correct_addresses(
    *, actor: str, partner_id: UUID, integration_id: UUID, from_origin: str, to_origin: str
) -> dict[str, Any]:
    """Send all that went to one origin to another, from now on: in every revision, of every customer, queued or not.

    Raises:
        Problem: 404; 409 `origin_not_used`; 409 `endpoint_not_certified` if the integration asks for certified
            endpoints and an address that would be is not.
    """
    integration = found(partner_id=partner_id, integration_id=integration_id, lock=True)
    changed = []
    templates = RevisionTemplate.objects.filter(integration_id=integration.id).only("name", "delivery_webhook")
    for template in templates.order_by("revision", "position").select_for_update(no_key=True):
        if origin_of(template.delivery_webhook) == from_origin:
            rest = template.delivery_webhook[len(_written_origin(template.delivery_webhook)) :]
            template.delivery_webhook = to_origin + rest
            if len(template.delivery_webhook) > webhook_url.MAX_LENGTH:
                detail = f"This would make an address longer than {webhook_url.MAX_LENGTH} characters."
                raise validation_failed([FieldError(pointer="/to_origin", code="max_length", detail=detail)])
            changed.append(template)
    if not changed:
        raise Problem(409, "origin_not_used", "No action type of this integration is sent to `from_origin`.")
    with connection.cursor() as cursor:
        columns = zip(*((each.revision, each.name, each.delivery_webhook) for each in changed), strict=True)
        cursor.execute(_CORRECT, [*map(list, columns), integration.id])
    if shares.uncertified(integration_id=integration.id, templates=changed):
        raise shares.not_certified()
    names = sorted({template.name for template in changed})
    moved = {"from_origin": from_origin, "to_origin": to_origin, "action_types": names}
    _record(integration, actor, "integration.webhooks_changed", moved)
    return moved


def _record(
    integration: PartnerIntegration,
    actor: str,
    action: str,
    data: Mapping[str, Any],
    changes: Mapping[str, outbox.Change] | None = None,
) -> None:
    outbox.record(
        actor=actor,
        action=action,
        tenant_id=integration.tenant_id,
        target=outbox.Target("integration", integration.id),
        data={"integration_id": integration.id, "provider": integration.provider, **data},
        changes=changes or None,
    )


def origin_of(url: str) -> str:
    """Scheme, host and port as they compare: in lower case, without the port that goes without saying."""
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    host = parts.hostname or ""
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{parts.port}" if parts.port not in (None, usual) else "")


def _written_origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    ends = [rest.index(mark) for mark in "/?#" if mark in rest]
    return f"{scheme}://{rest[: min(ends)] if ends else rest}"


def _one(partner_id: UUID, integration_id: UUID, number: int) -> Revision:
    found(partner_id=partner_id, integration_id=integration_id)
    revision = Revision.objects.filter(tenant_id=partner_id, integration_id=integration_id, number=number).first()
    if revision is None:
        raise not_found()
    return revision


def _fields_of(integration: PartnerIntegration, number: int) -> list[dict[str, Any]]:
    names = ("name", "description", "parameters_schema", "delivery_webhook", "estimated_cost_usd")
    return list(RevisionTemplate.objects.filter(integration_id=integration.id, revision=number).values(*names))


def _whole(templates: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What a revision keeps of them, with what may be left out."""
    otherwise: dict[str, Any] = {"description": "", "parameters_schema": {}, "estimated_cost_usd": None}
    return [{**otherwise, **_without_kind(template)} for template in templates]


def _without_kind(template: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in template.items() if name != "kind"}


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _insert_templates(revision: Revision, templates: Sequence[Mapping[str, Any]], *, domain: str) -> None:
    """The revision's action types; what is known of one by its name stays the same through all revisions."""
    whose = {"tenant_id": revision.tenant_id, "integration_id": revision.integration_id}
    known = ActionTypeTemplate.objects.filter(integration_id=revision.integration_id)
    names = set(known.values_list("name", flat=True))
    ActionTypeTemplate.objects.bulk_create(
        ActionTypeTemplate(
            position=position,
            since_revision=revision.number,
            **whose,
            **{**template, **kinds.found(template, domain=domain)},
        )
        for position, template in enumerate(templates)
        if template["name"] not in names
    )
    ids = dict(known.values_list("name", "id"))
    RevisionTemplate.objects.bulk_create(
        RevisionTemplate(
            revision=revision.number,
            template_id=ids[template["name"]],
            position=position,
            **whose,
            **_without_kind(template),
        )
        for position, template in enumerate(templates)
    )


_LIST = """
    SELECT r.number, r.base, r.note, r.created_at, (
        SELECT count(*) FROM integrations_integrationshare s
        WHERE s.integration_id = r.integration_id AND s.revision = r.number AND s.ended_at IS NULL
    )
    FROM integrations_revision r
    WHERE r.integration_id = %(integration_id)s AND r.tenant_id = %(partner_id)s
      AND (%(before)s::int IS NULL OR r.number < %(before)s)
    ORDER BY r.number DESC LIMIT %(limit)s
"""

_COUNT = "SELECT count(*) FROM integrations_revision WHERE integration_id = %(integration_id)s"


# All revisions' at once: there may be a thousand of them.
_CORRECT = """
    UPDATE integrations_revisiontemplate m SET delivery_webhook = n.url
    FROM unnest(%s::int[], %s::text[], %s::text[]) AS n (revision, name, url)
    WHERE m.integration_id = %s AND m.revision = n.revision AND m.name = n.name
"""
