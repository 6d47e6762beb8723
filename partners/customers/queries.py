"""One of a partner's customers, read: by one statement, with the look-up of the key."""

from collections.abc import Mapping
from typing import Any

import msgspec

from events import metering
from partners.customers.listing import COLUMNS, WIDTH, Customer
from partners.references import CustomerReference
from retivo.api.errors import not_found
from retivo.api.values import same
from tenants import config
from tenants.access.authentication import Query
from tenants.api_keys.queries import NEWEST, rfc3339
from tenants.controls import state
from tenants.controls.state import EFFECTIVE, Effective
from tenants.models import Layer

_STATE = len(Effective.__struct_fields__)
_CONFIGS_AT = (WIDTH + _STATE + 5, WIDTH + _STATE + 6)


def customer_query(reference: CustomerReference) -> Query:
    """Asks for one of the caller's customers; `customer_detail` reads the answer."""
    if reference.external_id is None:
        return Query(sql=DETAIL, parameters={"customer": reference.tenant_id})
    return Query(sql=_DETAIL_BY_EXTERNAL_ID, parameters={"customer": reference.external_id})


def customer_detail(row: tuple[Any, ...] | None) -> dict[str, Any]:
    """All about one customer but its keys' texts and its users' data.

    Raises:
        Problem: 404 if the partner has no such customer.
    """
    if row is None:
        raise not_found()
    customer, row = Customer.of(row), row[WIDTH:]
    effective, row = Effective.of(row[:_STATE]), row[_STATE:]
    said, rate_limit, month, active_users, events, *configs, shared, api_keys, total, active = row
    of_tenant, by_partner, learning = configs
    own = msgspec.json.decode(by_partner)
    layers = state.read(said)
    words = state.words(state.of_layer(layers, Layer.PARTNER))
    return {
        **msgspec.structs.asdict(customer),
        "tenant_role": "customer",
        "kill_switch_active": words["kill_switch"]["active"],
        "shadow_mode": words["shadow_mode"]["active"],
        "controls": words,
        "suspension": state.suspension(layers),
        "config": own,
        "effective": {
            **config.in_force(msgspec.json.decode(of_tenant), own, learning=learning),
            **msgspec.structs.asdict(effective),
        },
        "rate_limit": rate_limit and msgspec.json.decode(rate_limit),
        "usage": metering.Usage(month, active_users, customer.tracked_user_limit, events),
        "integrations": msgspec.json.decode(shared),
        "api_keys": msgspec.json.decode(api_keys),
        "action_types": {"total": total, "active": active},
    }


def is_already(row: tuple[Any, ...], fields: Mapping[str, Any]) -> bool:
    """Whether a `PUT` of these fields has nothing to change in the customer that `row` tells of.

    Raises:
        Problem: 400 for a config that Retivo cannot act on.
    """
    customer = Customer.of(row)
    if customer.delete_at is not None:
        return False
    of_tenant, by_partner = (msgspec.json.decode(row[at]) for at in _CONFIGS_AT)
    now = {**msgspec.structs.asdict(customer), "metadata": msgspec.json.decode(customer.metadata), "config": {}}
    wanted = {**fields, "config": {}}
    if "config" in fields:
        now["config"] = [of_tenant, by_partner]
        wanted["config"] = [config.patched(each, fields["config"], by_partner=True) for each in now["config"]]
    return all(same(now[name], value) for name, value in wanted.items())


_DETAIL = f"""
    SELECT {COLUMNS}, {EFFECTIVE.format(tenant="t.id")},
        -- Not what the customer says itself.
        (SELECT coalesce(json_agg(c), '[]')::text FROM tenants_control c
          WHERE c.tenant_id = t.id AND c.layer IN ('partner', 'staff')),
        t.rate_limit::text,
        to_char({metering.THIS_MONTH}, 'YYYY-MM'), u.active_users, u.events,
        -- The customer's own word on learning is in neither of the last two.
        t.config::text, t.config_by_partner::text,
        (SELECT stricter_consent(t.config, p.config) FROM tenants_tenant p WHERE p.id = t.parent_id),
        (SELECT coalesce(json_agg(json_build_object(
                    'id', i.id, 'provider', i.provider, 'display_name', i.display_name, 'domain', i.domain,
                    'active', i.active, 'revision', s.revision, 'shared_at', {rfc3339("s.created_at")}
                ) ORDER BY s.created_at, s.id), '[]')::text
           FROM integrations_integrationshare s JOIN integrations_partnerintegration i ON i.id = s.integration_id
          WHERE s.tenant_id = t.id AND s.partner_id = caller.tenant_id AND s.ended_at IS NULL),
        {NEWEST},
        coalesce(a.total, 0), coalesce(a.active, 0)
    FROM tenants_tenant t
    CROSS JOIN LATERAL controls_in_force(t.id, t.parent_id, t.delete_at IS NOT NULL) f
    CROSS JOIN LATERAL (
        SELECT count(*) AS total, count(*) FILTER (WHERE active) AS active
        FROM integrations_actiontype
        WHERE tenant_id = t.id AND partner_id = caller.tenant_id AND revision IS NOT NULL
    ) a
    CROSS JOIN LATERAL usage_of_customer({metering.THIS_MONTH}, t.id) u
    WHERE t.parent_id = caller.tenant_id AND
"""
DETAIL = f"{_DETAIL} t.id = %(customer)s"
_DETAIL_BY_EXTERNAL_ID = f"{_DETAIL} t.external_id = %(customer)s"
