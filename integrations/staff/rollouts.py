"""Staff pages of roll-outs: how far each is, and the buttons that a partner has, too."""

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from integrations.models import MOVING, Rollout
from integrations.rollouts import services
from integrations.staff.jobs import JobAdmin, shown_status
from retivo.staff.pages import Figure, Table, actor, badge, column, page_action

_CHANGE = "integrations.change_rollout"
_STAGE_BADGES = {"Done": "success", "To come": "default"}


class RolloutAdmin(JobAdmin):
    bar_title = "Customers moved"
    list_display = ["id", "integration_link", "partner", "revision", "status_badge", "progress", "created_at"]
    list_filter = ["status"]
    fields = [
        "id",
        ("integration_link", "partner"),
        ("status_badge", "asked_by"),
        ("revision", "revision_before"),
        ("total", "moved"),
        "whom",
        ("shown_stage", "stage_ends_at"),
        ("shown_guard", "guard_saw"),
        ("created_at", "finished_at"),
    ]
    readonly_fields: Sequence[str] = [
        *JobAdmin.readonly_fields,
        "whom",
        "shown_stage",
        "shown_guard",
        "guard_saw",
    ]
    help_texts = {
        "revision_before": "The revision that new shares had when the roll-out began.",
        "stage_ends_at": "Empty until the customers of this stage are moved.",
        "finished_at": "Empty while customers are still to be moved, or moved back.",
    }
    actions_detail = ["roll_back", "pause", "resume"]

    @column("Whom")
    def whom(self, rollout: Rollout) -> str:
        match rollout.target:
            case {"percent": percent}:
                return f"{percent} % of those that have the integration"
            case {"customer_ids": number}:
                return f"{number:,} customers that were named"
            case {"filter": names}:
                return f"Customers found by {', '.join(names)}"
        return "All customers that have the integration"

    @column("Stage")
    def shown_stage(self, rollout: Rollout) -> str:
        return f"{services.stage_number(rollout)} of {len(rollout.stages)}"

    @column("Guard")
    def shown_guard(self, rollout: Rollout) -> str:
        if rollout.guard is None:
            return "-"
        most, least = _percent(rollout.guard["max_failure_rate"]), rollout.guard["min_actions"]
        return f"Stops it if more than {most} of at least {least:,} actions fail"

    @column("What the guard saw")
    def guard_saw(self, rollout: Rollout) -> str:
        if rollout.guard_seen is None:
            return "-"
        seen = rollout.guard_seen
        return f"{seen['failed']:,} of {seen['actions']:,} actions failed, {_percent(seen['failure_rate'])}"

    def tables(self, request: HttpRequest, job: Any) -> list[Table | Figure]:
        return [*super().tables(request, job), _stages(job)]

    def refusal(self, request: HttpRequest, obj: Rollout, path: str) -> str:
        if why := super().refusal(request, obj, path):
            return why
        problem = services.why_not(obj, path)
        return problem.detail if problem else ""

    @page_action(title="Roll back", path="roll-back", permission=_CHANGE, icon="undo")
    def roll_back(self, request: HttpRequest, rollout: Rollout) -> HttpResponse:
        text = (
            "All customers that it moved go back to the revision that each had, "
            "and so do those that got the revision since."
        )
        return self._steer(
            request,
            rollout,
            steer=services.roll_back,
            submit="Roll back",
            done="Customers are being moved back.",
            text=text,
        )

    @page_action(title="Pause", path="pause", permission=_CHANGE, icon="pause")
    def pause(self, request: HttpRequest, rollout: Rollout) -> HttpResponse:
        return self._steer(
            request,
            rollout,
            steer=services.pause,
            submit="Pause",
            text="The roll-out moves no customer until it is resumed. Those that it has moved stay so.",
            done="The roll-out is paused.",
        )

    @page_action(title="Resume", path="resume", permission=_CHANGE, icon="play_arrow")
    def resume(self, request: HttpRequest, rollout: Rollout) -> HttpResponse:
        return self._steer(
            request,
            rollout,
            steer=services.resume,
            submit="Resume",
            text="The roll-out goes on where it stopped.",
            done="The roll-out goes on.",
        )

    def _steer(
        self,
        request: HttpRequest,
        rollout: Rollout,
        *,
        steer: Callable[..., Rollout],
        submit: str,
        done: str,
        text: str,
    ) -> HttpResponse:
        return self.asked(
            request,
            rollout,
            lambda rollout, _: steer(actor=actor(request), partner_id=rollout.tenant_id, rollout_id=rollout.id),
            title=f"{submit} this roll-out?",
            text=text,
            submit=submit,
            done=done,
        )


def _stages(rollout: Rollout) -> Table:
    rows = [
        (
            number,
            f"{stage['percent']} %",
            f"{stage['wait_minutes']:,} minutes" if stage["wait_minutes"] else "-",
            _state(rollout, number),
        )
        for number, stage in enumerate(rollout.stages, 1)
    ]
    return Table(title="Stages", headers=["Stage", "Customers", "Then waits", "State"], rows=rows, total=len(rows))


def _state(rollout: Rollout, number: int) -> Any:
    if number == services.stage_number(rollout):
        return shown_status(rollout)
    if number < services.stage_number(rollout):
        return badge("Done", _STAGE_BADGES)
    return badge("To come", _STAGE_BADGES) if rollout.status in MOVING else "-"


def _percent(share: float) -> str:
    return f"{share * 100:g} %"
