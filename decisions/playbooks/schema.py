"""What OpenAPI says of playbooks and interventions: a decorator for each operation of `decisions.ledger.views`."""

# drf-spectacular says that it is typed, and is in part.
# mypy: disable-error-code="no-untyped-call"

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter

from decisions.models import InterventionStatus
from decisions.playbooks import conditions as grammar
from decisions.playbooks import serializers
from retivo.api.operation import Example, operation
from retivo.api.schema import INVALID_QUERY, KEY_IN_USE, NO_FULL_ACCESS, NOT_FOUND, Link, Problems
from tenants.models import Scope

Schema = dict[str, Any]


# --- Conditions -----------------------------------------------------------------------------------------------------

_BOOLEAN: Schema = {"type": "boolean"}
_NUMBER: Schema = {"type": "number"}
_TEXT: Schema = {"type": "string", "maxLength": grammar.MAX_TEXT, "pattern": r"^[^\u0000]*$"}
_PART: Schema = {**_TEXT, "minLength": 1}
_SCALAR: Schema = {**_NUMBER, **_TEXT, "type": ["number", "boolean", "string"]}
_COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": grammar.MAX_COUNT}
_DAYS: Schema = {"type": "integer", "minimum": 1, "maximum": grammar.MAX_DAYS}


def _operand(kind: str, operator: str, choices: Sequence[str]) -> Schema:
    item: Schema = {"number": _NUMBER, "boolean": _BOOLEAN, "text": _TEXT, "trait": _SCALAR, "event": _COUNT}.get(
        kind, {"enum": list(choices)}
    )
    match operator:
        case "exists":
            return _BOOLEAN
        case "contains":
            return _PART
        case "in" | "not_in":
            return {"type": "array", "items": item, "minItems": 1, "maxItems": grammar.MAX_ITEMS}
        case "within_days":
            return _DAYS
        case "gt" | "gte" | "lt" | "lte":
            return _NUMBER
    return item


def _tests(kind: str, choices: Sequence[str] = ()) -> Schema:
    operators: Schema = {
        "type": "object",
        "properties": {name: _operand(kind, name, choices) for name in grammar.OPERATORS[kind]},
        "additionalProperties": False,
        "minProperties": 1,
    }
    if kind == "event":
        operators["anyOf"] = [{"required": [name]} for name in grammar.OPERATORS[kind] if name != "within_days"]
    return {"anyOf": [_operand(kind, "eq", choices), operators]}


_NESTED = {"$ref": "#/components/schemas/NestedConditions"}
_NESTED_LIST = {"type": "array", "items": _NESTED, "minItems": 1, "maxItems": grammar.MAX_NESTED}
_NAME = rf"[^\u0000]{{1,{grammar.MAX_TEXT}}}$"

CONDITIONS: Schema = {
    "type": "object",
    "description": (
        "Conditions on a user that all must hold: a field, `trait:<name>` or `event:<name>`, with a value or an object "
        f"of operators; `any`, `all` and `not` nest, at most {grammar.MAX_DEPTH} levels deep. At most "
        f"{grammar.MAX_CONDITIONS} of them, {grammar.MAX_EVENT_CONDITIONS} of these on events."
    ),
    "properties": {
        **{name: _tests(field.kind, field.choices) for name, field in grammar.FIELDS.items()},
        "any": _NESTED_LIST,
        "all": _NESTED_LIST,
        "not": _NESTED,
    },
    "patternProperties": {f"^trait:{_NAME}": _tests("trait"), f"^event:{_NAME}": _tests("event")},
    "additionalProperties": False,
}
NESTED_CONDITIONS: Schema = {"allOf": [{"$ref": "#/components/schemas/Conditions"}], "minProperties": 1}


class ConditionsFieldExtension(OpenApiSerializerFieldExtension):
    target_class = "decisions.playbooks.serializers.ConditionsField"
    priority = 1  # before that of any object

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        reference: Schema = {}
        for name, schema in (("NestedConditions", NESTED_CONDITIONS), ("Conditions", CONDITIONS)):
            component = ResolvedComponent(name, ResolvedComponent.SCHEMA, schema, object=name)
            auto_schema.registry.register_on_missing(component)
            reference = component.ref
        return reference


# --- Problems -------------------------------------------------------------------------------------------------------

_ARCHIVED = {"playbook_archived": "This playbook is archived; make it a draft again first."}
_WITHOUT_CONDITIONS = {
    "playbook_without_conditions": 'An active playbook has entry conditions; `{"opted_out": false}` means everybody.'
}


_LIMIT = {"playbook_limit_reached": "Your plan's limit of 100 playbooks that are not archived is reached."}
_ACTIVE_LIMIT = {"active_playbook_limit_reached": "Your plan's limit of 10 active playbooks is reached."}

_ILLEGAL = {"illegal_transition": "An intervention that is rejected cannot become approved."}
_ILLEGAL_MOVE = Problems("IllegalTransition", 409, _ILLEGAL)


# --- Operations -----------------------------------------------------------------------------------------------------


_PLAYBOOKS, _INTERVENTIONS = "Playbooks", "Interventions"

_PLAYBOOK: dict[str, Any] = {
    "id": "0b9f6d7e-5a3c-4c57-9d0e-3f5d1f6a7b21",
    "name": "Second purchase",
    "status": "active",
    "lifecycle_area": "retention",
    "entry_conditions": {
        "engagement_score": {"gte": 0.6},
        "lifecycle_stage": {"in": ["active"]},
        "event:purchase_completed": {"count_gte": 3, "within_days": 30},
    },
    "exit_conditions": {"any": [{"lifecycle_stage": "churned"}, {"trait:plan": "pro"}]},
    "constraints": {
        "cooldown_days": 14,
        "max_per_user": 2,
        "period_days": 90,
        "quiet_hours": {"from": "22:00", "to": "08:00"},
        "needs_approval": True,
    },
    "strategy_hints": {"domain": "loyalty"},
    "created_at": "2026-04-26T10:00:00Z",
    "status_changed_at": "2026-04-26T10:05:00Z",
    "success_rate": 0.25,
}
_GIVEN = {
    name: _PLAYBOOK[name]
    for name in ("name", "lifecycle_area", "entry_conditions", "exit_conditions", "constraints", "strategy_hints")
}
_INTERVENTION: dict[str, Any] = {
    "id": "int_c1f4c7a28a554e0eb5a80f6c2b7d9e30",
    "user_id": "user-42",
    "playbook_id": _PLAYBOOK["id"],
    "status": "awaiting_approval",
    "channel": "external_action",
    "message_body": None,
    "reasoning": None,
    "confidence": None,
    "planned_at": "2026-04-27T08:00:00Z",
    "approved_at": None,
    "sent_at": None,
    "delivered_at": None,
    "flagged": False,
    "flag_reason": None,
    "quality_checks": None,
}


def _brief(example: Example, *names: str, **changed: Any) -> Example:
    return {name: example[name] for name in names} | changed


_operation = partial(operation, scope=Scope.PLAYBOOKS_WRITE)

list_playbooks = _operation(
    "listPlaybooks",
    "List playbooks",
    "Oldest first, a page at a time. `success_rate` is the completed share of a playbook's "
    "newest 1,000 interventions that ended.",
    tag=_PLAYBOOKS,
    parameters=[serializers.PlaybookListQuerySerializer],
    answers=serializers.PlaybookListSerializer,
    example={"playbooks": [_PLAYBOOK], "total": 1, "total_is_exact": True, "next_cursor": None},
    problems=[INVALID_QUERY],
)

create_playbook = _operation(
    "createPlaybook",
    "Create a playbook",
    "Makes a draft; nothing comes of it until it is made active. A user enters it when the entry conditions hold and "
    "leaves when the exit conditions do, or, without any, when the entry conditions no longer do.",
    tag=_PLAYBOOKS,
    takes=serializers.PlaybookRequestSerializer,
    requests={"Required fields": {"name": "Win back"}, "All fields": _GIVEN},
    status=201,
    answers=serializers.CreatedPlaybookSerializer,
    example=_brief(_PLAYBOOK, "id", "name", "created_at", status="draft"),
    problems=[KEY_IN_USE, Problems("PlaybookLimitReached", 403, {**NO_FULL_ACCESS.examples, **_LIMIT})],
    links=[
        Link(operation_id, "playbookId", "/id")
        for operation_id in ("getPlaybook", "changePlaybook", "changePlaybookStatus")
    ],
)

get_playbook = _operation(
    "getPlaybook",
    "Get a playbook",
    "One of your playbooks, as the list has it.",
    tag=_PLAYBOOKS,
    answers=serializers.PlaybookResponseSerializer,
    example={"playbook": _PLAYBOOK},
    problems=[NOT_FOUND],
)

change_playbook = _operation(
    "changePlaybook",
    "Change a playbook",
    "What is given replaces what was there; the rest stays. The next run goes by it: a user in the playbook who would "
    "no longer belong leaves it then.",
    tag=_PLAYBOOKS,
    takes=serializers.PlaybookChangeSerializer,
    requests={"A constraint": {"constraints": {"cooldown_days": 30}}},
    answers=serializers.ChangedPlaybookSerializer,
    example=_brief(_PLAYBOOK, "id", "name", "status"),
    problems=[NOT_FOUND, Problems("PlaybookNotChangeable", 409, {**_ARCHIVED, **_WITHOUT_CONDITIONS})],
)

change_playbook_status = _operation(
    "changePlaybookStatus",
    "Start, pause or archive a playbook",
    "An active playbook takes users in and plans interventions. A paused one keeps its users and does neither. An "
    "archived one lets go of them, and cancels what it planned and has not sent. To be what it is already is no error.",
    tag=_PLAYBOOKS,
    takes=serializers.PlaybookStatusRequestSerializer,
    requests={"Start": {"status": "active"}},
    answers=serializers.ChangedPlaybookSerializer,
    example=_brief(_PLAYBOOK, "id", "name", "status"),
    problems=[
        NOT_FOUND,
        Problems("PlaybookNoRoom", 403, {**NO_FULL_ACCESS.examples, **_ACTIVE_LIMIT, **_LIMIT}),
        Problems(
            "PlaybookStep",
            409,
            {**_ILLEGAL, **_WITHOUT_CONDITIONS},
        ),
    ],
)

archive_playbook = _operation(
    "archivePlaybook",
    "Archive a playbook",
    "The same as making its status `archived`: it stays in the list, with its interventions.",
    tag=_PLAYBOOKS,
    answers=serializers.ArchivedPlaybookSerializer,
    example={"archived": True},
    problems=[NOT_FOUND],
)

list_interventions = _operation(
    "listInterventions",
    "List interventions",
    "Newest first, a page at a time.",
    tag=_INTERVENTIONS,
    parameters=[serializers.InterventionListQuerySerializer],
    answers=serializers.InterventionListSerializer,
    example={"interventions": [_INTERVENTION], "total": 1, "total_is_exact": True, "next_cursor": None},
    problems=[INVALID_QUERY],
)

create_intervention = _operation(
    "createIntervention",
    "Plan an intervention by hand",
    "Waits for approval where the playbook asks for it; its other constraints are for what it plans by itself. A user "
    "or playbook that is not there is 404, and `errors` says which.",
    tag=_INTERVENTIONS,
    takes=serializers.InterventionRequestSerializer,
    requests={
        "Of a playbook": {"user_id": "user-42", "playbook_id": _PLAYBOOK["id"], "channel": "external_action"},
        "Of none": {"user_id": "user-42"},
    },
    status=201,
    answers=serializers.CreatedInterventionSerializer,
    example=_brief(_INTERVENTION, "id", "status", "channel", "planned_at"),
    problems=[
        NOT_FOUND,
        Problems(
            "InterventionRefused",
            409,
            {
                "user_opted_out": "This user has opted out; nothing is done to them.",
                **_ARCHIVED,
                **KEY_IN_USE.examples,
            },
        ),
    ],
    links=[Link("getIntervention", "interventionId", "/id"), Link("approveIntervention", "interventionId", "/id")],
)

_ID = OpenApiParameter(
    "intervention_id",
    {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"},
    OpenApiParameter.PATH,
    description="An intervention's id, `int_` and 32 hex digits.",
)


get_intervention = _operation(
    "getIntervention",
    "Get an intervention",
    "One of your interventions, as the list has it.",
    tag=_INTERVENTIONS,
    parameters=[_ID],
    answers=serializers.InterventionResponseSerializer,
    example={"intervention": _INTERVENTION},
    problems=[NOT_FOUND],
)


def _move(verb: str, to: InterventionStatus, description: str) -> Callable[..., Any]:
    return _operation(
        f"{verb}Intervention",
        f"{verb.title()} an intervention",
        description,
        tag=_INTERVENTIONS,
        parameters=[_ID],
        answers=serializers.ChangedInterventionSerializer,
        example=_brief(_INTERVENTION, "id", status=to.value),
        problems=[NOT_FOUND, _ILLEGAL_MOVE],
    )


approve_intervention = _move(
    "approve",
    InterventionStatus.APPROVED,
    "It is acted on from now on, whether it waited for approval, was paused or was only planned.",
)
pause_intervention = _move(
    "pause", InterventionStatus.PAUSED, "It is kept, and not acted on until it is approved. What was sent cannot be."
)
reject_intervention = _move(
    "reject", InterventionStatus.REJECTED, "It is never acted on, and counts against no limit. What was sent cannot be."
)
