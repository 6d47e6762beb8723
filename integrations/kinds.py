"""The kind of an action type: what its partner or tenant declares, or what its name and description propose.

A kind tells the learning layer which action types of other partners are alike. It is nothing that customers run, and
no part of a revision: it is kept with what is known of an action type by its name, and is in force for all customers at
once.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import F, QuerySet

from integrations.models import ActionTypeTemplate, KindSource, PartnerIntegration, RevisionTemplate
from integrations.taxonomy.proposal import propose
from retivo.api.errors import FieldError, not_found
from retivo.api.values import escape_pointer

FIELDS = ("kind", "kind_source")


def found(fields: Mapping[str, Any], *, domain: str) -> dict[str, Any]:
    """`kind` and `kind_source` of an action type: as the fields declare it, be it null; proposed if they do not."""
    if "kind" in fields:
        return {"kind": fields["kind"], "kind_source": KindSource.DECLARED}
    kind = propose(domain=domain, name=fields["name"], description=fields.get("description", ""))
    return {"kind": kind, "kind_source": KindSource.PROPOSED}


def with_kinds(templates: QuerySet[RevisionTemplate]) -> QuerySet[Any]:
    """Action types of a revision, each with its kind."""
    return templates.annotate(kind=F("template__kind"), kind_source=F("template__kind_source"))


def declare(integration: PartnerIntegration, kinds: Mapping[str, str | None]) -> dict[str, Any]:
    """Set the kinds of a locked integration's action types, by name. Returns what changed, as an audit entry has it.

    Raises:
        Problem: 404 if the integration has never had an action type of a name.
    """
    known = _known(integration, kinds)
    unknown = [
        FieldError(
            pointer=f"/kinds/{escape_pointer(name)}",
            code="not_found",
            detail="The integration has never had an action type of this name.",
        )
        for name in kinds
        if name not in known
    ]
    if unknown:
        raise not_found(unknown)
    return _store((known[name], {"kind": kind, "kind_source": KindSource.DECLARED}) for name, kind in kinds.items())


def follow(integration: PartnerIntegration, templates: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Go by what a locked integration's action types are now: what they declare, or what proposes their kind anew.

    A kind that was declared stays where they declare none. What changed is returned, as an audit entry has it.
    """
    by_name = {template["name"]: template for template in templates}
    return _store(
        (template, found(by_name[name], domain=integration.domain))
        for name, template in _known(integration, by_name).items()
        if "kind" in by_name[name] or template.kind_source == KindSource.PROPOSED
    )


def _known(integration: PartnerIntegration, names: Iterable[str]) -> dict[str, ActionTypeTemplate]:
    templates = ActionTypeTemplate.objects.filter(integration_id=integration.id, name__in=[*names])
    return {template.name: template for template in templates.only("name", *FIELDS)}


def _store(kinds: Iterable[tuple[ActionTypeTemplate, dict[str, Any]]]) -> dict[str, Any]:
    before, after, changed = {}, {}, []
    for template, now in kinds:
        was = {field: getattr(template, field) for field in FIELDS}
        if was != now:
            before[template.name], after[template.name] = was, now
            template.kind, template.kind_source = now["kind"], now["kind_source"]
            changed.append(template)
    ActionTypeTemplate.objects.bulk_update(changed, FIELDS)
    return {"kinds": {"from": before, "to": after}} if changed else {}
