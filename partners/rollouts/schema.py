"""What OpenAPI says of roll-outs."""

from typing import Any

from partners.operation import CUSTOMER, INTEGRATION, ROLLOUTS, partner_operation
from partners.rollouts import serializers
from retivo.api.schema import INVALID_QUERY, NOT_FOUND, Link, Success, conflict
from tenants.models import Scope

_GUARD = {"max_failure_rate": 0.2, "min_actions": 50}
_STAGES = [{"percent": 10, "wait_minutes": 60}, {"percent": 100, "wait_minutes": 0}]
_ROLLOUT: dict[str, Any] = {
    "id": "ro_3f1f0f3a9d0c4a6bb6f3f4d9a1c2e7b5",
    "integration_id": INTEGRATION["id"],
    "revision": 2,
    "revision_before": 1,
    "to": "all",
    "stages": _STAGES,
    "guard": _GUARD,
    "status": "running",
    "stage": 1,
    "stage_ends_at": "2026-12-01T10:00:00Z",
    "customers": 1840,
    "moved": 184,
    "left": 1656,
    "guard_seen": {"actions": 61, "failed": 2, "failure_rate": 0.0328},
    "created_at": "2026-12-01T09:00:00Z",
    "finished_at": None,
}
_PLANNED = _ROLLOUT | {"status": "planned", "stage_ends_at": None, "moved": 0, "left": 1840, "guard_seen": None}
_PAUSED = _ROLLOUT | {"status": "paused"}
_ROLLED_BACK = _ROLLOUT | {"status": "rolled_back", "left": 184}
_DRY_RUN = {
    "revision": 2,
    "customers": 1840,
    "compatibility": "breaking",
    "reasons": [
        {
            "pointer": "/action_type_templates/grant_points/parameters_schema/required/reason",
            "code": "parameter_required",
        }
    ],
    "conflicts": [{"tenant_id": CUSTOMER["tenant_id"], "action_type": "send_voucher", "code": "shadowed_by_own"}],
}

list_rollouts = partner_operation(
    "listRollouts",
    "List roll-outs",
    "An integration's roll-outs, the newest first.",
    scope=Scope.PARTNER_READ,
    tag=ROLLOUTS,
    parameters=[serializers.RolloutListQuerySerializer],
    answers=serializers.RolloutListSerializer,
    example={"rollouts": [_ROLLOUT], "total": 1, "next_cursor": None},
    problems=[INVALID_QUERY, NOT_FOUND],
)

start_rollout = partner_operation(
    "startRollout",
    "Roll a revision out",
    "Moves customers that have the integration to one of its revisions, in stages: each moves its part, waits, and is "
    "over. Above the guard's failure rate the roll-out stops, and whom it moved stays where it is until you roll it "
    "back. Of an action type that stays, a customer's `active` stays, and so does what was learned. Queued actions are "
    "sent as the revision says that they were decided under. One to all also gives the revision to new customers, from "
    "its end on. With `dry_run` nothing is moved, and the answer is 200 with what would be.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=ROLLOUTS,
    takes=serializers.RolloutRequestSerializer,
    requests={
        "To all at once": {"revision": 2, "to": "all"},
        "In stages, with a guard": {"revision": 2, "to": "all", "stages": _STAGES[:1], "guard": _GUARD},
        "To some customers": {"revision": 2, "to": {"customer_ids": ["ext:shop-1841"]}},
        "To a part": {"revision": 2, "to": {"percent": 5}},
        "To those that a filter matches": {"revision": 2, "to": {"filter": {"plan_tier": "starter"}}},
        "Dry run": {"revision": 2, "to": "all", "dry_run": True},
    },
    status=202,
    answers=serializers.RolloutResponseSerializer,
    example={"rollout": _PLANNED},
    also={200: Success(serializers.DryRunResponseSerializer, 200, {"dry_run": _DRY_RUN})},
    problems=[
        NOT_FOUND,
        conflict(
            "rollout_in_progress",
            "A roll-out of this integration is under way: wait, or roll it back.",
            endpoint_not_certified="This integration has endpoints that are not certified.",
        ),
    ],
    links=[
        Link(operation_id, "rolloutId", "/rollout/id")
        for operation_id in ("getRollout", "pauseRollout", "resumeRollout", "rollBackRollout")
    ],
)

get_rollout = partner_operation(
    "getRollout",
    "Get a roll-out",
    "How far a roll-out is, and what its guard has seen.",
    scope=Scope.PARTNER_READ,
    tag=ROLLOUTS,
    answers=serializers.RolloutResponseSerializer,
    example={"rollout": _ROLLOUT},
    problems=[NOT_FOUND],
)

pause_rollout = partner_operation(
    "pauseRollout",
    "Pause a roll-out",
    "Nobody is moved until you resume it. Its guard rests, too, and the wait of its stage goes on.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=ROLLOUTS,
    takes=serializers.EmptySerializer,
    requests={"Nothing": {}},
    answers=serializers.RolloutResponseSerializer,
    example={"rollout": _PAUSED},
    problems=[NOT_FOUND, conflict("rollout_not_running", "This roll-out is completed.")],
)

resume_rollout = partner_operation(
    "resumeRollout",
    "Resume a roll-out",
    "Goes on with a roll-out that is paused.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=ROLLOUTS,
    takes=serializers.EmptySerializer,
    requests={"Nothing": {}},
    answers=serializers.RolloutResponseSerializer,
    example={"rollout": _ROLLOUT},
    problems=[NOT_FOUND, conflict("rollout_not_paused", "This roll-out is running.")],
)

roll_back = partner_operation(
    "rollBackRollout",
    "Roll a roll-out back",
    "Moves all that it moved back to the revision that each had, and whoever got the revision as a new customer since. "
    "Also of one that is completed or was stopped by its guard, as long as there is no later one. `left` counts down.",
    scope=Scope.PARTNER_INTEGRATIONS,
    tag=ROLLOUTS,
    takes=serializers.EmptySerializer,
    requests={"Nothing": {}},
    status=202,
    answers=serializers.RolloutResponseSerializer,
    example={"rollout": _ROLLED_BACK},
    problems=[
        NOT_FOUND,
        conflict(
            "rollout_rolled_back",
            "This roll-out is rolled back.",
            rollout_superseded="There is a later roll-out of this integration.",
            rollout_too_old="It finished more than 90 days ago. Roll out the earlier revision instead.",
        ),
    ],
)
