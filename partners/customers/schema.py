"""What OpenAPI says of the Partner API's customers."""

from typing import Any

from partners.customers import serializers
from partners.deletions.schema import SCHEDULED
from partners.operation import (
    CUSTOMER,
    CUSTOMER_BY_OWN_ID,
    CUSTOMER_ID,
    CUSTOMERS,
    FORBIDDEN,
    INTEGRATION,
    USAGE,
    partner_operation,
)
from partners.references import EXTERNAL_ID_RULE
from retivo.api.errors import FieldError
from retivo.api.schema import INVALID_BODY, INVALID_QUERY, NOT_FOUND, Link, Problems, Success, conflict
from tenants.api_keys.schema import KEY
from tenants.models import Scope

_NOT_LIFTED = Problems(
    "CustomerNotChanged",
    403,
    {
        **FORBIDDEN.examples,
        "suspended_by_staff": "This customer was suspended by Retivo's staff, who alone can lift it.",
    },
)

_SLUG_TAKEN = "You have a customer with the slug `merchant-abc` already."
_BEING_DELETED = "This customer is being deleted. Restore it first."
_ID_TAKEN = "You have a customer with this external id already."

_INVALID_ID = Problems(
    "InvalidExternalId",
    400,
    {"invalid_external_id": FieldError(pointer="/external_id", code="invalid_external_id", detail=EXTERNAL_ID_RULE)},
)
_INVALID_BODY = Problems("InvalidCustomer", 400, {**INVALID_BODY.examples, **_INVALID_ID.examples})

list_customers = partner_operation(
    "listCustomers",
    "List customers",
    "The customers you provisioned: all of them, or a page of `limit` with `next_cursor` for the next. In paths, "
    "`ext:` and your own id of a customer stand for its `tenant_id`.",
    scope=Scope.PARTNER_READ,
    tag=CUSTOMERS,
    parameters=[serializers.CustomerListQuerySerializer],
    answers=serializers.CustomerListSerializer,
    example={"customers": [CUSTOMER], "total": 1, "next_cursor": None},
    problems=[INVALID_QUERY],
)

_PROVISIONED = {
    "customer": {
        **{name: CUSTOMER[name] for name in ("tenant_id", "external_id", "name", "slug", "plan_tier")},
        "api_key": "rt_live_…",
    },
    "integrations_shared": 2,
    "warm_start": {"warm": True, "action_types": 4, "with_pattern": 3},
}

provision_customer = partner_operation(
    "provisionCustomer",
    "Provision a customer",
    "Makes an isolated tenant and its API key, and shares all your active integrations with it. The key is in this "
    "answer and nowhere else; the customer's own calls are made with it.",
    scope=Scope.PARTNER_CUSTOMERS,
    tag=CUSTOMERS,
    takes=serializers.ProvisionRequestSerializer,
    requests={
        "Required fields": {"name": "Merchant ABC", "slug": "merchant-abc"},
        "All fields": {
            "name": "Merchant XYZ",
            "slug": "merchant-xyz",
            "plan_tier": "growth",
            "tracked_user_limit": 5000,
            "external_id": "shop-1842",
            "metadata": {"region": "eu", "segment": "fashion"},
            "config": {"overage": "allow"},
        },
    },
    status=201,
    answers=serializers.ProvisionResponseSerializer,
    example=_PROVISIONED,
    problems=[
        conflict("slug_taken", _SLUG_TAKEN, external_id_taken=_ID_TAKEN, customer_deleting=_BEING_DELETED),
        _INVALID_BODY,
    ],
    links=[Link("getCustomer", "customerId", "/customer/tenant_id")],
)

_CUSTOMER_DETAIL: dict[str, dict[str, Any]] = {
    "customer": {
        **CUSTOMER,
        "tenant_role": "customer",
        "kill_switch_active": False,
        "shadow_mode": False,
        "controls": {
            "kill_switch": {"active": False, "reason": None, "since": None},
            "shadow_mode": {"active": False, "reason": None, "since": None},
            "action_budget_usd": {"max": "25", "locked": False},
            "holdout_percent": {"min": None, "locked": False},
        },
        "suspension": None,
        "config": {"overage": "allow", "holdout_percent": 10},
        "effective": {
            "sending": "held",
            "ingesting": "on",
            "because": ["kill_switch"],
            "since": "2026-11-20T08:00:00Z",
            "by": "self",
            "reason": None,
            "parts": [],
            "overage": "allow",
            "holdout_percent": 5,
            "learning": "contribute",
        },
        "rate_limit": {"requests": 6000, "seconds": 60},
        "usage": USAGE,
        "integrations": [
            {
                **{
                    name: INTEGRATION[name]
                    for name in ("id", "provider", "display_name", "domain", "active", "revision")
                },
                "shared_at": "2026-04-26T10:00:00Z",
            }
        ],
        "api_keys": [KEY],
        "action_types": {"total": 1, "active": 1},
    }
}

get_customer = partner_operation(
    "getCustomer",
    "Get a customer",
    "One of your customers: what you set of its config and what of that is in force, what it used this month, the "
    "integrations shared with it, its keys without their texts, and how many action types it has of yours. Of its "
    "users and their events a partner sees nothing, nor of what it set itself.",
    scope=Scope.PARTNER_READ,
    parameters=[CUSTOMER_ID],
    tag=CUSTOMERS,
    answers=serializers.CustomerDetailResponseSerializer,
    example=_CUSTOMER_DETAIL,
    problems=[NOT_FOUND, _INVALID_ID],
)

change_customer = partner_operation(
    "changeCustomer",
    "Change a customer",
    "Changes what is sent of one of your customers: its plan, its config by JSON Merge Patch, and what you say of it "
    "in `controls` and `suspension`, beside what it says itself: the strictest holds, and the customer cannot lift "
    "yours. `learning` is kept as `learning_by_partner`, beside the customer's own; the stricter one wins. A "
    "suspension in `full`, as by `plan_status`, refuses all of its keys at once; one by Retivo's staff "
    "only they can lift.",
    scope=Scope.PARTNER_CUSTOMERS,
    parameters=[CUSTOMER_ID],
    tag=CUSTOMERS,
    takes=serializers.CustomerChangeSerializer,
    requests={
        "A larger plan": {"plan_tier": "growth", "tracked_user_limit": 5000, "config": {"overage": "allow"}},
        "A limit of requests": {"rate_limit": {"requests": 6000, "seconds": 60}},
        "Suspend": {"plan_status": "suspended"},
        "Send nothing": {"suspension": {"mode": "hold", "reason": "Invoice 4711 is overdue."}},
        "Bound the budget": {"controls": {"action_budget_usd": {"max": "25", "locked": False}}},
    },
    answers=serializers.CustomerDetailResponseSerializer,
    example=_CUSTOMER_DETAIL,
    problems=[
        NOT_FOUND,
        _INVALID_BODY,
        _NOT_LIFTED,
        Problems("CustomerConflict", 409, {"external_id_taken": _ID_TAKEN, "customer_deleting": _BEING_DELETED}),
    ],
)

put_customer = partner_operation(
    "putCustomer",
    "Provision or change a customer by your own id",
    "Makes the customer of this external id, with its API key, or changes it to be as you say: 201 with the key, or "
    "200 with `changed`, which is empty where nothing was to change. Safe to send again, and at once from many "
    "processes: one of them makes the customer. The path takes `ext:` and your id, percent-encoded. A key that was "
    "lost with the answer is not shown again: issue another.",
    scope=Scope.PARTNER_CUSTOMERS,
    parameters=[CUSTOMER_BY_OWN_ID],
    tag=CUSTOMERS,
    takes=serializers.PutCustomerSerializer,
    requests={
        "Required fields": {"name": "Merchant ABC"},
        "All fields": {
            "name": "Merchant ABC",
            "slug": "merchant-abc",
            "plan_tier": "growth",
            "tracked_user_limit": 5000,
            "metadata": {"region": "eu"},
            "config": {"overage": "allow"},
        },
    },
    answers=serializers.ChangedCustomerSerializer,
    example={**_CUSTOMER_DETAIL, "changed": ["plan_tier"]},
    also={201: Success(serializers.ProvisionResponseSerializer, 201, _PROVISIONED)},
    problems=[
        NOT_FOUND,
        _NOT_LIFTED,
        _INVALID_BODY,
        Problems(
            "CustomerNotPut",
            409,
            {
                "slug_taken": _SLUG_TAKEN,
                "slug_fixed": "This customer has the slug `merchant-abc`, and keeps it.",
                "customer_deleting": _BEING_DELETED,
            },
        ),
    ],
)

_DELETING = {
    **_CUSTOMER_DETAIL["customer"],
    "plan_status": "deleting",
    "delete_at": SCHEDULED["delete_at"],
    "effective": {
        **_CUSTOMER_DETAIL["customer"]["effective"],
        "ingesting": "off",
        "because": ["tenant_deleting"],
        "since": SCHEDULED["requested_at"],
        "by": "partner",
    },
}

delete_customer = partner_operation(
    "deleteCustomer",
    "Delete a customer",
    "Has a customer deleted, with all of its users, events, decisions, its model and keys, once its grace is over. "
    "From now on its keys are refused with 403 `tenant_deleting`, what waited to be sent is cancelled, and it is in no "
    "later release of patterns. Until `delete_at` you can restore it; until it is gone its slug is taken. "
    "Above 10 deletions in 24 hours, or 2 % of your customers if that is more, the answer is 409 `fleet_guard` with a "
    "`confirm_token`, which another key of yours has to send.",
    scope=Scope.PARTNER_CUSTOMERS,
    parameters=[CUSTOMER_ID],
    tag=CUSTOMERS,
    takes=serializers.DeleteRequestSerializer,
    requests={
        "After 30 days": {},
        "At once": {"grace_days": 0, "reason": "The contract ended."},
        "Confirmed by a second key": {"confirm_token": "gAAAAABn…"},
    },
    status=202,
    answers=serializers.CustomerDeletionResponseSerializer,
    example={"customer": _DELETING, "deletion": SCHEDULED},
    problems=[
        NOT_FOUND,
        Problems(
            "CustomerNotDeleted",
            403,
            {
                **FORBIDDEN.examples,
                "second_key_required": "Confirm this with another API key: one issued at least 24 hours ago, and not "
                "by the first key.",
            },
        ),
        Problems(
            "CustomerDeletionConflict",
            409,
            {
                "customer_deleting": _BEING_DELETED,
                "fleet_guard": "You deleted 10 customers in 24 hours; 10 may go without confirmation. Send "
                "`confirm_token` with another API key of yours to delete this one.",
            },
        ),
    ],
)

restore_customer = partner_operation(
    "restoreCustomer",
    "Restore a customer",
    "Undoes a deletion until its `delete_at`: the customer is as it was, and its keys are let in again. What waited to "
    "be sent stays cancelled.",
    scope=Scope.PARTNER_CUSTOMERS,
    parameters=[CUSTOMER_ID],
    tag=CUSTOMERS,
    answers=serializers.CustomerDeletionResponseSerializer,
    example={
        **_CUSTOMER_DETAIL,
        "deletion": {**SCHEDULED, "status": "cancelled", "finished_at": "2026-11-30T08:00:00Z"},
    },
    problems=[
        NOT_FOUND,
        Problems(
            "CustomerNotRestored",
            409,
            {
                "customer_not_deleting": "This customer is not being deleted.",
                "deletion_due": "The grace is over: this customer is being deleted for good.",
                "cancelling_actions": "What waited to be sent is still being cancelled. Send the request again in a "
                "minute.",
            },
        ),
    ],
)
