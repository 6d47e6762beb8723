"""Staff pages of the ledger: what was decided, by what, and what came of it. Read-only."""

from typing import Any

from django.contrib.admin import DateFieldListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter

from decisions.models import DecisionRow, Intervention, Playbook
from decisions.recommending.guardrails import DETAILS, STOPS
from delivery.admin import ACTION_BADGES
from delivery.models import Action, ActionRow, ActionStatus, OutcomeStatus
from retivo.staff.pages import Table, badge, code, column, link, url_of
from tenants.staff.newest import ExactFilter, NewestAdmin

CHOICE_BADGES = {"Nothing": "default", "Stopped": "warning", "Held out": "info"}
INTERVENTION_BADGES = {"Completed": "success", "Failed": "danger", "Awaiting Approval": "warning"}


class ChosenFilter(ExactFilter):
    title = parameter_name = "action"


class StoppedFilter(DropdownFilter):  # type: ignore[misc]  # unfold carries no types
    title = "guardrail that stopped it"
    parameter_name = "stopped_by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("none", "None"), *((stop.name, _words(stop.name)) for stop in STOPS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "none":
            return queryset.filter(stopped_by=None)
        return queryset.filter(stopped_by=self.value()) if self.value() else queryset


class DecisionAdmin(NewestAdmin):
    id_prefix = "dec_"
    search_help_text = "The id of a decision or of a user"
    list_display = ["short_id", "moment", "tenant_link", "user_id", "chosen", "confident", "applied"]
    list_filter = [
        ("tenant", AutocompleteSelectFilter),
        ChosenFilter,
        StoppedFilter,
        "holdout",
        "shadow",
        ("created_at", DateFieldListFilter),
    ]
    fields = [
        "id",
        ("tenant_link", "user_id"),
        ("chosen", "created_at"),
        ("confident", "drawn"),
        "reasoning",
        ("by_model", "prior"),
        "action_link",
        "request_id",
        ("outcome", "cost"),
        ("conversion_told", "shadow"),
        "parameters",
        "request",
    ]
    readonly_fields = [
        "tenant_link",
        "chosen",
        "confident",
        "drawn",
        "by_model",
        "prior",
        "action_link",
        "outcome",
        "conversion_told",
        "cost",
    ]

    @column("Choice")
    def chosen(self, decision: DecisionRow) -> SafeString:
        if decision.action is not None:
            return code(decision.action)
        if decision.holdout:
            return badge("Held out", CHOICE_BADGES)
        return badge("Stopped" if decision.stopped_by else "Nothing", CHOICE_BADGES)

    @column("Confidence")
    def confident(self, decision: DecisionRow) -> str:
        return _share(decision.confidence) or "-"

    @column("Probability to be drawn")
    def drawn(self, decision: DecisionRow) -> str:
        return _share(decision.propensity)

    @column("Guardrails")
    def applied(self, decision: DecisionRow) -> str:
        return ", ".join(_words(name) for name in decision.guardrails)

    @column("Model")
    def by_model(self, decision: DecisionRow) -> str:
        return f"version {decision.model_version}"

    @column("Share of the prior")
    def prior(self, decision: DecisionRow) -> str:
        return _share(decision.prior_share) or "-"

    @column("Action sent")
    def action_link(self, decision: DecisionRow) -> SafeString | str:
        if decision.action_id is None:
            return "None: it was recommended, not dispatched" if decision.action and not decision.shadow else "None"
        return link(url_of(ActionRow(id=decision.action_id)), decision.action_id)

    @column("Outcome")
    def outcome(self, decision: DecisionRow) -> SafeString | str:
        action = Action.objects.filter(tenant_id=decision.tenant_id, id=decision.action_id).first()
        if action is None:
            return "-"
        if action.outcome_status is None:
            return badge(ActionStatus(action.status).label, ACTION_BADGES)
        return f"{OutcomeStatus(action.outcome_status).label}, told {action.outcome_at:%Y-%m-%d %H:%M}"

    @column("Conversion")
    def conversion_told(self, decision: DecisionRow) -> str:
        if decision.converted_at is not None:
            return f"{decision.converted_at:%Y-%m-%d %H:%M}, worth {decision.conversion:g}"
        return "None, and none counts any more" if decision.closed_at else "Not yet"

    @column("Cost")
    def cost(self, decision: DecisionRow) -> str:
        if decision.cost_usd is None or decision.cost_state is None:
            return "-"
        return f"{decision.cost_usd.normalize():f} USD, {decision.get_cost_state_display().lower()}"

    def tables(self, request: HttpRequest, decision: DecisionRow) -> list[Table]:
        tables = [_candidates(decision)]
        if decision.guardrails:
            tables.append(_guardrails(decision))
        if decision.intervention_id is not None:
            tables.append(_intervention(decision))
        return [*tables, _features(decision)]


def _candidates(decision: DecisionRow) -> Table:
    """In the order of the draw; what was chosen is marked."""
    rows = []
    for each in decision.candidates:
        name = code(each["action"]) if each["action"] else "Nothing"
        is_chosen = each["action_type_id"] == decision.action_type_id and decision.stopped_by is None
        rows.append(
            (
                name,
                _share(each["score"]),
                _share(each["confidence"]),
                _share(each["propensity"]),
                _words(each["excluded_because"] or "") or ("Chosen" if is_chosen else ""),
            )
        )
    return Table(
        title="Candidates",
        headers=["Action", "Expected reward", "Confidence", "Probability", "Chosen, or excluded because"],
        rows=rows,
        total=len(rows),
    )


def _guardrails(decision: DecisionRow) -> Table:
    rows = [
        (_words(name), DETAILS.get(name, ""), "Yes" if name == decision.stopped_by else "")
        for name in decision.guardrails
    ]
    return Table(title="Guardrails", headers=["Name", "What it says", "Stopped it"], rows=rows, total=len(rows))


def _intervention(decision: DecisionRow) -> Table:
    """Its key is composite, so it has no page; its playbook is on the tenant's."""
    found = Intervention.objects.filter(tenant_id=decision.tenant_id, id=decision.intervention_id).first()
    if found is None:
        return Table(title="Intervention", headers=["Id"], rows=[(code(decision.intervention_id),)], total=1)
    playbook = Playbook.objects.filter(tenant_id=decision.tenant_id, id__in=[found.playbook_id]).first()
    row = (
        code(found.id),
        link(f"{url_of(decision.tenant)}#playbooks", playbook) if playbook else "By hand",
        badge(found.get_status_display(), INTERVENTION_BADGES),
        f"{found.planned_at:%Y-%m-%d %H:%M}",
    )
    return Table(title="Intervention", headers=["Id", "Playbook", "Status", "Planned"], rows=[row], total=1)


def _features(decision: DecisionRow) -> Table:
    # What has a value in its name is that or not; any other is a number, which may not be known.
    rows = [
        (code(name), f"{value:g}" if value is not None else "no" if "=" in name else "not known")
        for name, value in sorted(decision.features.items())
    ]
    return Table(title="Features", headers=["Name", "Value"], rows=rows, total=len(rows))


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
