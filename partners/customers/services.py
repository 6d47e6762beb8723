"""What a partner does with its customers. Every function runs in the partner's tenant context."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from delivery import services as delivery
from integrations import shares
from learning.patterns import library
from partners.customers.listing import rows_of
from partners.customers.queries import DETAIL, customer_detail
from partners.deletions import services as deletions
from retivo.api.errors import Problem, not_found, sent_elsewhere
from tenants import customers, outbox
from tenants import services as tenants
from tenants.api_keys import services as api_keys
from tenants.controls.bounds import BOUND
from tenants.customers import ExternalIdTakenError
from tenants.deletion import fleet_guard
from tenants.deletion import services as deletion
from tenants.models import Deletion, Tenant

DEFAULT_TRACKED_USER_LIMIT = 1000
_PUT_TRIES = 10  # others may take the external id and give it up, again and again


def change_customer(*, actor: str, partner_id: UUID, customer_id: UUID, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change fields of a customer, `config` and `metadata` by JSON Merge Patch, and answer as `customer_detail` does.

    Args:
        changes: fields of the customer; `controls`, `suspension` and what is short for them is said in the partner's
            layer.

    Raises:
        Problem: 404 if the partner has no such customer; 409 `external_id_taken`; what
            `tenants.services.change_settings` raises.
    """
    fields, said, pointers = _as_said(changes)
    try:
        tenants.change_settings(actor=actor, tenant_id=customer_id, partner_id=partner_id, changes=fields, said=said)
    except Tenant.DoesNotExist as error:
        raise not_found() from error
    except ExternalIdTakenError as error:
        raise error.problem from error
    except Problem as problem:
        raise sent_elsewhere(problem, pointers) from problem
    return _detail(partner_id, customer_id)


def put_customer(
    *, actor: str, partner_id: UUID, external_id: str, fields: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """The customer of this external id, made or changed to be as `fields` say: the status and the body of the answer.

    201 as `provision_customer` answers, with its key; 200 with what changed. Of many at once one makes it.

    Raises:
        Problem: 409 `slug_fixed` for another slug than it has; what `provision_customer` and `change_customer` raise.
    """
    tries = 0
    while (holder := customers.taken_by(partner_id=partner_id, external_id=external_id, lock=True)) is None:
        try:
            return 201, _provision(actor=actor, partner_id=partner_id, external_id=external_id, **fields)
        except ExternalIdTakenError as error:  # meanwhile, by another request
            tries += 1
            if tries == _PUT_TRIES:
                raise error.problem from error
    customer_id = holder.tenant_id
    # In the same transaction: what it changes is undone where the slug is refused.
    changes = {name: value for name, value in fields.items() if name != "slug"}
    tenant, changed = tenants.change_settings(
        actor=actor, tenant_id=customer_id, partner_id=partner_id, changes=changes, replaces_metadata=True
    )
    if fields.get("slug", tenant.slug) != tenant.slug:
        raise Problem(409, "slug_fixed", f"This customer has the slug `{tenant.slug}`, and keeps it.")
    return 200, {"customer": _detail(partner_id, customer_id), "changed": changed}


def _as_said(changes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
    """Fields of the customer, what the partner says of it in its layer, and where values of the config were sent.

    The last has pointers to members of `controls` by those to what they become in `config`.
    """
    fields = dict(changes)
    said: dict[str, Any] = dict(fields.pop("controls", {}))
    values = {}
    for key in BOUND:
        if said.get(key) and "value" in said[key]:
            said[key] = dict(said[key])
            values[key] = said[key].pop("value")
    if values:
        fields["config"] = fields.get("config", {}) | values
    for name, short in (("kill_switch", "kill_switch_active"), ("shadow_mode", "shadow_mode")):
        if short in fields:
            said.setdefault(name, {"active": fields.pop(short)})
    if "suspension" in fields:
        said["suspension"] = fields.pop("suspension")
    return fields, said, {f"/config/{key}": f"/controls/{key}/value" for key in values}


def provision_customer(**asked: Any) -> dict[str, Any]:
    """A customer tenant with its key, and with the partner's active integrations and their action types.

    Args:
        asked: as `_provision` takes it.

    Raises:
        Problem: 400 for a config that Retivo cannot act on; 409 `slug_taken` or `external_id_taken` if the partner has
            a customer of this slug or external id.
    """
    try:
        return _provision(**asked)
    except ExternalIdTakenError as error:
        raise error.problem from error


def _provision(
    *,
    actor: str,
    partner_id: UUID,
    name: str,
    slug: str | None = None,
    external_id: str | None = None,
    metadata: Mapping[str, str] | None = None,
    plan_tier: str | None = None,
    tracked_user_limit: int = DEFAULT_TRACKED_USER_LIMIT,
    config: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    made = customers.create_customer(
        partner_id=partner_id,
        name=name,
        slug=slug,
        external_id=external_id,
        metadata=metadata or {},
        plan_tier=plan_tier,
        tracked_user_limit=tracked_user_limit,
        config_patch=config or {},
    )
    key = api_keys.issue_first(actor=actor, tenant_id=made.id)
    kept: dict[str, Any] = {"tracked_user_limit": tracked_user_limit}
    if external_id is not None:  # which the event has as its customer's
        kept["external_id"] = external_id
    shared = shares.share_all(partner_id=partner_id, customer_id=made.id)
    outbox.record(
        actor=actor,
        action="customer.created",
        tenant_id=made.id,
        data={
            "name": name,
            "slug": made.slug,
            "plan_tier": made.plan_tier,
            "integrations_shared": shared,
            **api_keys.about(key.record),
        },
        **kept,
    )
    return {
        "customer": {
            "tenant_id": made.id,
            "external_id": external_id,
            "name": name,
            "slug": made.slug,
            "plan_tier": made.plan_tier,
            "api_key": key.text,
        },
        "integrations_shared": shared,
        "warm_start": library.warm_start(partner_id=partner_id, customer_id=made.id),
    }


def delete_customer(
    *,
    actor: str,
    key_id: UUID,
    partner_id: UUID,
    customer_id: UUID,
    grace_days: int = deletion.GRACE_DAYS,
    reason: str = "",
    confirm_token: str | None = None,
) -> dict[str, Any]:
    """Have a customer deleted when its grace is over. From now on its keys are refused and nothing is sent for it.

    Raises:
        Problem: 404 if the partner has no such customer, 409 `customer_deleting`; what the fleet guard raises.
    """
    customer = _locked(partner_id=partner_id, customer_id=customer_id)
    if customer.delete_at is None:
        fleet_guard.check(partner_id=partner_id, customer_id=customer_id, key_id=key_id, confirm_token=confirm_token)
    scheduled = deletion.schedule(actor=actor, tenant=customer, grace_days=grace_days, reason=reason)
    # What is beyond this a worker cancels within minutes, and none of it is sent.
    delivery.cancel_actions(tenant_id=customer_id)
    return _answer(customer, scheduled)


def restore_customer(*, actor: str, partner_id: UUID, customer_id: UUID) -> dict[str, Any]:
    """Undo a deletion within its grace.

    Raises:
        Problem: 404 if the partner has no such customer, 409 `customer_not_deleting`, `deletion_due` or
            `cancelling_actions`.
    """
    customer = _locked(partner_id=partner_id, customer_id=customer_id)
    delivery.cancel_all_actions(tenant_id=customer_id)
    return _answer(customer, deletion.restore(actor=actor, tenant=customer))


def _locked(*, partner_id: UUID, customer_id: UUID) -> Tenant:
    try:
        return deletion.locked(tenant_id=customer_id, partner_id=partner_id)
    except Tenant.DoesNotExist as error:
        raise not_found() from error


def _answer(customer: Tenant, row: Deletion) -> dict[str, Any]:
    assert customer.parent_id is not None  # noqa: S101  # for mypy
    row.refresh_from_db()  # what the database set
    return {"customer": _detail(customer.parent_id, customer.id), "deletion": deletions.shown(row)}


def _detail(partner_id: UUID, customer_id: UUID) -> dict[str, Any]:
    (row,) = rows_of(
        f"SELECT answer.* FROM (SELECT %(partner_id)s::uuid AS tenant_id) AS caller, LATERAL ({DETAIL}) AS answer",
        {"partner_id": partner_id, "customer": customer_id},
    )
    return customer_detail(row)
