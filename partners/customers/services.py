"""What a partner does with its customers. Every function runs in the partner's tenant context."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from integrations import services as integrations
from learning.patterns import library
from partners.customers.queries import DETAIL, customer_detail, rows_of
from retivo.api.errors import not_found
from tenants import outbox
from tenants import services as tenants
from tenants.models import Tenant

DEFAULT_TRACKED_USER_LIMIT = 1000


def change_customer(*, actor: str, partner_id: UUID, customer_id: UUID, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change fields of a customer, `config` by JSON Merge Patch, and answer as `customer_detail` does.

    Raises:
        Problem: 404 if the partner has no such customer; what `tenants.services.change_settings` raises.
    """
    try:
        tenants.change_settings(actor=actor, tenant_id=customer_id, partner_id=partner_id, changes=changes)
    except Tenant.DoesNotExist as error:
        raise not_found() from error
    (row,) = rows_of(
        f"SELECT answer.* FROM (SELECT %(partner_id)s::uuid AS tenant_id) AS caller, LATERAL ({DETAIL}) AS answer",
        {"partner_id": partner_id, "customer_id": customer_id},
    )
    return customer_detail(row)


def provision_customer(
    *,
    actor: str,
    partner_id: UUID,
    name: str,
    slug: str,
    plan_tier: str | None = None,
    tracked_user_limit: int = DEFAULT_TRACKED_USER_LIMIT,
    config: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A customer tenant with its key, and with the partner's active integrations and their action types.

    Args:
        plan_tier: the partner's own where None.
        config: merged over the partner's by JSON Merge Patch (RFC 7396), as it stands now.

    Raises:
        Problem: 400 for a config that Retivo cannot act on; 409 `slug_taken` if the partner has a customer with this
            slug.
    """
    customer_id, plan_tier = tenants.create_customer(
        partner_id=partner_id,
        name=name,
        slug=slug,
        plan_tier=plan_tier,
        tracked_user_limit=tracked_user_limit,
        config_patch=config or {},
    )
    key = tenants.first_key(tenant_id=customer_id)
    shared = integrations.share_all(partner_id=partner_id, customer_id=customer_id)
    outbox.record(
        actor=actor,
        action="customer.created",
        tenant_id=customer_id,
        data={
            "name": name,
            "slug": slug,
            "plan_tier": plan_tier,
            "integrations_shared": shared,
            **tenants.about_key(key.record),
        },
    )
    return {
        "customer": {
            "tenant_id": customer_id,
            "name": name,
            "slug": slug,
            "plan_tier": plan_tier,
            "api_key": key.text,
        },
        "integrations_shared": shared,
        "warm_start": library.warm_start(partner_id=partner_id, customer_id=customer_id),
    }
