"""What staff see of an integration's revisions: what differs, and who has which."""

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import Count, Q
from django.utils.safestring import SafeString

from integrations.models import IntegrationShare, PartnerIntegration, Revision
from integrations.revisions import comparing, services
from retivo.staff.pages import ROWS_SHOWN, Table, badge, code, day

_COMPARED = 5  # the newest
_ABSENT = object()
_BADGES = {"Compatible": "success", "Breaking": "warning", "First": "default"}
_WHAT = {"action_types": "Action type", "event_mappings": "Event mapping"}


def tables(integration: PartnerIntegration) -> list[Table]:
    """The revisions, and what the newest of them changed."""
    revisions = Revision.objects.filter(integration_id=integration.id).order_by("-number")
    shares = IntegrationShare.objects.filter(integration_id=integration.id, ended_at=None)
    customers = dict(shares.values_list("revision").annotate(n=Count("*")))
    rows: list[tuple[Any, ...]] = []
    changes: list[tuple[Any, ...]] = []
    for place, revision in enumerate(revisions[:ROWS_SHOWN]):
        compatibility: SafeString | str = "-"
        if place < _COMPARED:
            compatibility, differences = _compared(integration, revision)
            changes += differences
        is_current = revision.number == integration.revision
        rows.append(
            (
                f"{revision.number}{', of new customers' if is_current else ''}",
                revision.note or "-",
                compatibility,
                f"{customers.get(revision.number, 0):,}",
                day(revision.created_at),
            )
        )
    return [
        Table(
            title="Revisions",
            headers=["Number", "Note", "Compatibility", "Customers", "Published"],
            rows=rows,
            total=revisions.filter(Q(tenant_id=integration.tenant_id)).count(),
        ),
        Table(
            title=f"What the newest {_COMPARED} revisions changed",
            headers=["Revision", "What", "Name", "Field", "Before", "After"],
            rows=changes[:ROWS_SHOWN],
            total=len(changes),
        ),
    ]


def _compared(integration: PartnerIntegration, revision: Revision) -> tuple[SafeString, list[tuple[Any, ...]]]:
    if revision.base is None:
        return badge("First", _BADGES), []
    before = services.content_of(integration.id, revision.base)
    after = services.content_of(integration.id, revision.number)
    found = [
        (f"{revision.base} → {revision.number}", _WHAT[kind], *rest)
        for kind, diff in comparing.diff(before, after).items()
        for rest in _rows(diff)
    ]
    return badge("Breaking" if comparing.reasons(before, after) else "Compatible", _BADGES), found


def _rows(diff: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    for name in diff["added"]:
        yield code(name), "added", "-", "-"
    for name in diff["removed"]:
        yield code(name), "removed", "-", "-"
    for change in diff["changed"]:
        for field, values in change["fields"].items():
            for path, before, after in _differing(field, values["from"], values["to"]):
                yield code(change["name"]), code(path), _shown(before), _shown(after)


def _differing(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    """What differs between two values, of objects by their members: a schema is too long to be compared by eye."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after):
            yield from _differing(f"{path}/{name}", before.get(name, _ABSENT), after.get(name, _ABSENT))
    elif before != after:
        yield path, before, after


def _shown(value: Any) -> SafeString | str:
    return "-" if value is _ABSENT else code(json.dumps(value, ensure_ascii=False, sort_keys=True))
