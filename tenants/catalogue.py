"""The actions that change something, and what a partner is told of each: the types of its events.

An event's data never holds what is of an end user.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class EventType:
    """A type of events: what it tells, as JSON Schema of its `data`, with an example.

    `version` counts changes that a reader of the one before would not understand; new members are none.
    """

    description: str
    data: Schema
    example: Mapping[str, Any]
    version: int = 1
    since: str = "2026-11-30"


def _event(description: str, /, **members: tuple[Schema, Any]) -> EventType:
    """An event with these members, each by its schema and an example. All are there in every event."""
    return EventType(
        description=description,
        data={
            "type": "object",
            "properties": {name: schema for name, (schema, _) in members.items()},
            "required": list(members),
        },
        example={name: example for name, (_, example) in members.items()},
    )


_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_UUID: Schema = {"type": "string", "format": "uuid"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}

_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_LAYER: Schema = {"type": "string", "enum": ["self", "partner", "staff"], "description": "Who said it."}
_SWITCH: dict[str, tuple[Schema, Any]] = {
    "active": ({"type": "boolean"}, True),
    "reason": (_TEXT_OR_NULL, "Wrong amounts were granted."),
    "only": ({"type": ["object", "null"], "description": "The part; null: all customers."}, {"action_type": "grant"}),
    "customers": ({"type": ["integer", "null"], "description": "For how many a filter turned it."}, None),
}
_MONTH: Schema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"}
_METRIC: Schema = {
    "enum": ["active_users", "events", "decisions", "actions_delivered", "outcomes", "action_cost_usd"],
}
_PATTERN: Schema = {
    "type": "object",
    "description": "`block` is `shared`, `nothing`, or stands for an action type, which is named then.",
    "properties": {
        "block": _TEXT,
        "integration_id": {"type": ["string", "null"], "format": "uuid"},
        "action_type": _TEXT_OR_NULL,
    },
    "required": ["block", "integration_id", "action_type"],
}
_ALERT_SCOPE: Schema = {"enum": ["each_customer", "fleet"]}
_NUMBER: Schema = {"type": ["integer", "string"], "description": "US dollars as a string."}

_A_UUID = "0b9f6d7e-5a3c-4c57-9d0e-3f5d1f6a7b21"
_KEY = {"key_id": (_UUID, "c1f4c7a2-8a55-4e0e-b5a8-0f6c2b7d9e30"), "prefix": (_TEXT, "rt_live_4fGh")}
_KEY_SCHEMA: Schema = {
    "type": "object",
    "properties": {name: schema for name, (schema, _) in _KEY.items()},
    "required": [*_KEY],
}
_A_KEY = {name: example for name, (_, example) in _KEY.items()}
_OTHER_KEY = {"key_id": "7a1d5b0c-93f2-4c1e-8a57-2d6e0f4b9c18", "prefix": "rt_live_9kLm"}
_INTEGRATION = {"integration_id": (_UUID, "5d2c8a1e-1f0b-4a8e-8d43-9a0f7c6b5e12"), "provider": (_TEXT, "acme-loyalty")}
_ENDPOINT = {
    "endpoint_id": (_UUID, "4c1d7f0a-9b2e-5d38-8f61-0a7c3e5b9d24"),
    "url": (_TEXT, "https://hooks.acme.example/points"),
}
_RECOVERY = {
    "recovery_id": (_TEXT, "rcv_8h2m5t9w1c4n"),
    "since": (_TIME, "2026-12-01T06:00:00Z"),
    "until": ({"type": ["string", "null"], "format": "date-time"}, None),
}
_CERTIFICATION = {"certification_id": (_TEXT, "crt_3x6v0b8k5z1q"), **_INTEGRATION}
_WEBHOOK = {"webhook_id": (_TEXT, "wh_2k9d4x7m1q0b"), "url": (_TEXT, "https://acme.example/retivo-events")}

_ACTION_TYPE = {
    "action_type_id": (_TEXT, "at_4c0f7e2d9b1a4e6f8a3d5c7b9e1f2a40"),
    "provider": (_TEXT, "our-shop"),
    "name": (_TEXT, "send_gift_card"),
}
_PLAYBOOK = {"playbook_id": (_UUID, "9e2b7c4d-6f1a-4b3c-8d5e-0a9f8e7d6c5b")}
_PLAYBOOK_STATUS: Schema = {"enum": ["draft", "active", "paused", "archived"]}
_INTERVENTION = {"intervention_id": (_TEXT, "int_3k7w1p9z5x2c"), "status": (_TEXT, "planned")}

_ROLLOUT = {
    "rollout_id": (_TEXT, "ro_3f1f0f3a9d0c4a6bb6f3f4d9a1c2e7b5"),
    **_INTEGRATION,
    "revision": (_COUNT, 2),
}

EVENTS: dict[str, EventType] = {
    "customer.created": _event(
        "A customer was provisioned, with its key.",
        name=(_TEXT, "Merchant ABC"),
        slug=(_TEXT, "merchant-abc"),
        plan_tier=(_TEXT, "growth"),
        integrations_shared=(_COUNT, 2),
        **_KEY,
    ),
    "partner.updated": _event("Your own settings changed.", changed=(_TEXTS, ["name"])),
    "customer.updated": _event("Fields of a customer changed.", changed=(_TEXTS, ["plan_tier", "config.overage"])),
    "customer.suspended": _event(
        "A customer was suspended, or its suspension changed. In the mode `hold` nothing is sent; in `full` its keys "
        "are refused, too.",
        changed=(_TEXTS, ["plan_status", "suspension"]),
        by=(_LAYER, "partner"),
        mode=({"type": "string", "enum": ["hold", "full"]}, "hold"),
        reason=(_TEXT_OR_NULL, "Invoice 4711 is overdue."),
    ),
    "customer.reactivated": _event(
        "A customer is no longer suspended.", changed=(_TEXTS, ["plan_status", "suspension"]), by=(_LAYER, "partner")
    ),
    "customer.controls_changed": _event(
        "What the customer, its partner or staff say of the customer changed: switches, bounds, locks.",
        changed=(_TEXTS, ["kill_switch"]),
        by=(_LAYER, "self"),
    ),
    "partner.kill_switch": _event("The partner turned its kill switch, for all customers or for a part.", **_SWITCH),
    "partner.shadow_mode": _event("The partner turned its shadow mode, for all customers or for a part.", **_SWITCH),
    "customer.deletion_scheduled": _event(
        "A customer is to be deleted: its keys are refused, and nothing is sent for it.",
        deletion_id=(_TEXT, "del_3f1f0f3a9d0c4a6bb6f3f4d9a1c2e7b5"),
        delete_at=(_TIME, "2026-12-29T10:00:00Z"),
    ),
    "customer.restored": _event(
        "A customer's deletion was undone.", deletion_id=(_TEXT, "del_3f1f0f3a9d0c4a6bb6f3f4d9a1c2e7b5")
    ),
    "customer.deleted": _event(
        "A customer is gone, with all that was its. What earlier events called it is gone, too.",
        deletion_id=(_TEXT, "del_3f1f0f3a9d0c4a6bb6f3f4d9a1c2e7b5"),
        rows=(_COUNT, 52719),
    ),
    "learning.consent_changed": _event(
        "A customer's part in shared patterns changed, by its own word or its partner's.",
        changed=(_TEXTS, ["config.learning_by_partner"]),
    ),
    "api_key.issued": _event("A key was issued.", scopes=(_TEXTS, ["full"]), label=(_TEXT, "Backend"), **_KEY),
    "api_key.updated": _event("A key's label changed.", changed=(_TEXTS, ["label"]), **_KEY),
    "api_key.rotated": _event(
        "A key has a successor. It is let in until `expires_at`.",
        replaced_by=(_KEY_SCHEMA, _OTHER_KEY),
        expires_at=(_TIME, "2026-12-02T10:00:00Z"),
        **_KEY,
    ),
    "api_key.revoked": _event("A key was revoked.", **_KEY),
    "api_key.all_revoked": _event(
        "All keys that were let in were revoked at once, and perhaps another one was issued in their place.",
        revoked=({"type": "array", "items": _KEY_SCHEMA}, [_A_KEY]),
        reissued=({"anyOf": [_KEY_SCHEMA, {"type": "null"}]}, _OTHER_KEY),
    ),
    "api_key.expiring": _event(
        "A key expires in 7 days or less, or in 1 day or less: each is told once.",
        days=({"type": "integer", "enum": [1, 7]}, 7),
        expires_at=(_TIME, "2026-12-08T10:00:00Z"),
        **_KEY,
    ),
    "api_key.used_first": _event("A key was used for the first time.", **_KEY),
    "api_key.leaked": _event("A key was found in a public place and revoked.", **_KEY),
    "integration.registered": _event(
        "An integration was registered.", action_types=(_TEXTS, ["grant_points"]), **_INTEGRATION
    ),
    "integration.updated": _event(
        "An integration's name, its `require_certification` or kinds of its action types changed, or more.",
        changed=(_TEXTS, ["display_name"]),
        **_INTEGRATION,
    ),
    "integration.deleted": _event("An integration that nobody had was deleted.", **_INTEGRATION),
    "integration.revision_published": _event(
        "An integration has a new revision, which nobody has yet.",
        revision=(_COUNT, 2),
        compatibility=({"type": "string", "enum": ["compatible", "breaking"]}, "compatible"),
        **_INTEGRATION,
    ),
    "integration.webhooks_changed": _event(
        "All that was sent to one origin is sent to another.",
        from_origin=(_TEXT, "https://hooks.acme.example"),
        to_origin=(_TEXT, "https://hooks2.acme.example"),
        action_types=(_TEXTS, ["grant_points"]),
        **_INTEGRATION,
    ),
    "integration.deprecated": _event(
        "An integration can no longer be shared, and ends for those who have it; or no longer so.",
        sunset_at=({"type": ["string", "null"], "format": "date-time"}, "2027-03-01T00:00:00Z"),
        **_INTEGRATION,
    ),
    "integration.shared": _event("An integration was shared with a customer.", revision=(_COUNT, 1), **_INTEGRATION),
    "integration.sharing_started": _event(
        "An integration is being shared with all customers that do not have it.",
        customers=(_COUNT, 1840),
        **_INTEGRATION,
    ),
    "integration.unshared": _event(
        "An integration was taken from a customer.",
        actions=({"type": "string", "enum": ["finish", "cancel"], "description": "Those that were queued."}, "finish"),
        **_INTEGRATION,
    ),
    "rollout.started": _event(
        "Customers are being moved to a revision.",
        customers=(_COUNT, 1840),
        to=({"type": "string", "enum": ["all", "percent", "customer_ids", "filter"]}, "all"),
        **_ROLLOUT,
    ),
    "rollout.stage_done": _event("A stage of a roll-out is over.", stage=(_COUNT, 1), moved=(_COUNT, 184), **_ROLLOUT),
    "rollout.paused": _event("A roll-out moves nobody until it is resumed.", moved=(_COUNT, 184), **_ROLLOUT),
    "rollout.resumed": _event("A roll-out goes on.", moved=(_COUNT, 184), **_ROLLOUT),
    "rollout.completed": _event("A roll-out moved all its customers.", moved=(_COUNT, 1840), **_ROLLOUT),
    "rollout.aborted": _event(
        "The guard stopped a roll-out. Customers that it has moved stay at the new revision.",
        moved=(_COUNT, 184),
        guard_seen=({"type": "object"}, {"actions": 60, "failed": 31, "failure_rate": 0.5167}),
        **_ROLLOUT,
    ),
    "rollout.rolled_back": _event(
        "Customers that a roll-out moved are being moved back.", moved=(_COUNT, 184), **_ROLLOUT
    ),
    "integration.secret_rotated": _event("An integration has a new webhook secret.", **_INTEGRATION),
    "integration.switched_on": _event("An integration was switched on.", **_INTEGRATION),
    "integration.switched_off": _event("An integration was switched off.", **_INTEGRATION),
    "action.outcome_recorded": _event(
        "Outcomes of your integrations' actions were recorded: how many, by the status that was reported. Those that "
        "you reported yourself come at once, over all customers; all others each minute, by customer.",
        completed=(_COUNT, 12),
        partial=(_COUNT, 0),
        ignored=(_COUNT, 3),
        rejected=(_COUNT, 1),
    ),
    "action.replayed": _event(
        "A failed action was asked for again, and is sent with the id that it has.",
        action_id=(_TEXT, "ea_5m2c8r0d7k1x"),
    ),
    "action_type.registered": _event("A customer registered an action type of its own.", **_ACTION_TYPE),
    "action_type.changed": _event(
        "Fields of an action type changed. Of a shared one a customer changes `active` alone.",
        changed=(_TEXTS, ["delivery_webhook"]),
        **_ACTION_TYPE,
    ),
    "action_type.switched_on": _event(
        "A customer switched an action type on, its own or a shared one.", **_ACTION_TYPE
    ),
    "action_type.switched_off": _event(
        "A customer switched an action type off, its own or a shared one.", **_ACTION_TYPE
    ),
    "action_type.secret_rotated": _event("A customer's own action type has a new webhook secret.", **_ACTION_TYPE),
    "playbook.created": _event("A customer made a playbook.", status=(_PLAYBOOK_STATUS, "draft"), **_PLAYBOOK),
    "playbook.changed": _event("Fields of a playbook changed.", changed=(_TEXTS, ["entry_conditions"]), **_PLAYBOOK),
    "playbook.status_changed": _event(
        "A playbook has another status.", status=(_PLAYBOOK_STATUS, "active"), **_PLAYBOOK
    ),
    "intervention.created": _event("A customer made an intervention by hand.", **_INTERVENTION),
    "intervention.status_changed": _event("A customer approved, paused or rejected an intervention.", **_INTERVENTION),
    "endpoint.failing": _event(
        "An endpoint failed five times without a success and is left alone for a while, again and again until it "
        "answers. Told once an hour at most.",
        error=(_TEXT, "timeout"),
        **_ENDPOINT,
    ),
    "endpoint.recovered": _event("An endpoint that was told to be failing answers again.", **_ENDPOINT),
    "endpoint.disabled": _event(
        "Nothing is sent to an endpoint until somebody enables it.", reason=(_TEXT, "endpoint_gone"), **_ENDPOINT
    ),
    "endpoint.enabled": _event(
        "An endpoint that was disabled, or left alone, is tried again from now on.",
        status=(_TEXT, "disabled"),
        **_ENDPOINT,
    ),
    "endpoint.recovery_started": _event(
        "Failed actions to an endpoint are sent again, those of all customers.",
        actions=(_COUNT, 1840),
        customers=(_COUNT, 212),
        **_RECOVERY,
        **_ENDPOINT,
    ),
    "endpoint.recovery_finished": _event(
        "All failed actions of the window are on their way again, or the endpoint was disabled meanwhile.",
        status=({"type": "string", "enum": ["completed", "stopped"]}, "completed"),
        replayed=(_COUNT, 1840),
        **_RECOVERY,
        **_ENDPOINT,
    ),
    "endpoint.certification_started": _event("An endpoint is tried with probes.", **_CERTIFICATION, **_ENDPOINT),
    "endpoint.certified": _event("An endpoint passed all checks.", **_CERTIFICATION, **_ENDPOINT),
    "endpoint.certification_failed": _event(
        "An endpoint did not pass all checks.", failed=(_TEXTS, ["wrong_signature"]), **_CERTIFICATION, **_ENDPOINT
    ),
    "webhook.created": _event("A webhook for your events was created.", **_WEBHOOK),
    "webhook.updated": _event("Fields of a webhook changed.", changed=(_TEXTS, ["url", "types"]), **_WEBHOOK),
    "webhook.deleted": _event("A webhook was deleted.", **_WEBHOOK),
    "webhook.secret_rotated": _event("A webhook has a new secret.", **_WEBHOOK),
    "webhook.disabled": _event("A webhook answered 410 Gone and is off.", reason=(_TEXT, "endpoint_gone"), **_WEBHOOK),
    "webhook.tested": _event("A test was asked for. It is sent to that webhook alone, whatever its types.", **_WEBHOOK),
    "webhook.replay_started": _event(
        "Past events are sent to a webhook again.", replay_id=(_TEXT, "rp_7f3kq29x0b1m"), **_WEBHOOK
    ),
    "action.failed": _event(
        "Actions of an integration fail: the first at an endpoint for a reason in an hour, with how many failed so in "
        "the hour before.",
        action_id=(_TEXT, "ea_5m2c8r0d7k1x"),
        action_type=(_TEXT, "grant_points"),
        integration_id=(_UUID, _INTEGRATION["integration_id"][1]),
        url=(_TEXT, "https://hooks.acme.example/points"),
        reason=(_TEXT, "attempts_exhausted"),
        failed_in_hour_before=(_COUNT, 41),
    ),
    "budget.exhausted": _event(
        "A customer's `action_budget_usd` had no room for an action. Told once for each month and customer, and not "
        "again where the budget is raised. Actions that cost less may still be sent.",
        month=(_MONTH, "2026-11"),
        budget_usd=({"type": "string"}, "250.000000"),
        spent_usd=({"type": "string", "description": "What was delivered, and what may yet be."}, "249.600000"),
    ),
    "pattern.released": _event(
        "Patterns were released, and which of them are of your integrations. All partners with integrations are told, "
        "whether or not a customer of theirs contributed.",
        release_id=(_COUNT, 7),
        released_on=({"type": "string", "format": "date"}, "2026-11-20"),
        epsilon=({"type": "number"}, 1.0),
        patterns=(
            {"type": "array", "items": _PATTERN},
            [
                {"block": "shared", "integration_id": None, "action_type": None},
                {
                    "block": "0d4f7c1b-9a53-4b0e-a6f2-7c1e5d8b3f60",
                    "integration_id": _INTEGRATION["integration_id"][1],
                    "action_type": "grant_points",
                },
            ],
        ),
    ),
    "usage_alert.changed": _event(
        "What you want to hear of a metric changed.",
        metric=(_METRIC, "active_users"),
        scope=(_ALERT_SCOPE, "each_customer"),
        thresholds=({"type": "array", "items": _COUNT}, [75, 90, 100, 120]),
        limit=({**_NUMBER, "type": ["integer", "string", "null"]}, None),
    ),
    "usage.threshold_reached": _event(
        "A month's usage reached a share of its limit, in per cent. `scope` is `fleet` where all your customers "
        "together did, and there is no customer then. Told once for each month, customer, metric and threshold.",
        month=(_MONTH, "2026-11"),
        metric=(_METRIC, "active_users"),
        scope=(_ALERT_SCOPE, "each_customer"),
        threshold=(_COUNT, 90),
        used=(_NUMBER, 4512),
        limit=(_NUMBER, 5000),
    ),
    "usage.month_closed": _event(
        "A month's usage is final for all your customers. The numbers are those of all who used something, together.",
        month=(_MONTH, "2026-11"),
        customers=(_COUNT, 212),
        active_users=(_COUNT, 184020),
        events=(_COUNT, 5271834),
        decisions=(_COUNT, 91120),
        actions_delivered=(_COUNT, 40111),
        outcomes=(_COUNT, 32040),
        action_cost_usd=(_TEXT, "20055.500000"),
    ),
}

# What is the affair of a tenant without a partner, of an end user, or staff's.
_NOBODYS = [
    "tenant.changed",
    "tenant.deletion_scheduled",
    "tenant.restored",
    "tenant.deleted",
    "partner.created",
    "user.erased",
    "endpoint.reset",
]

ACTIONS: dict[str, EventType | None] = {**EVENTS, **dict.fromkeys(_NOBODYS)}
