"""What staff see of playbooks and interventions, on their tenant's page: which, and how they do, and no user."""

from uuid import UUID

from django.db.models import Count, Q

from decisions.ledger.admin import INTERVENTION_BADGES
from decisions.models import WITH_OUTCOME, Intervention, InterventionStatus, Playbook, PlaybookEntry
from retivo.staff.pages import ROWS_SHOWN, Table, badge, code, day
from tenants.models import Tenant

PLAYBOOK_BADGES = {"Active": "success", "Paused": "warning", "Draft": "info", "Archived": "default"}


def playbooks_table(tenant: Tenant) -> Table:
    """The tenant's playbooks, with the users in each and the completed of the interventions that ended."""
    playbooks = Playbook.objects.filter(tenant=tenant).order_by("created_at", "id")
    shown = list(playbooks[:ROWS_SHOWN])
    of_shown = {"tenant": tenant, "playbook_id__in": [playbook.id for playbook in shown]}
    users = dict(
        PlaybookEntry.objects.filter(**of_shown, exited_at=None)
        .values_list("playbook_id")
        .annotate(users=Count("user_id"))
    )
    counts = {
        playbook_id: counted
        for playbook_id, *counted in Intervention.objects.filter(**of_shown)
        .order_by()
        .values_list("playbook_id")
        .annotate(
            planned=Count("id"),
            completed=Count("id", filter=Q(status=InterventionStatus.COMPLETED)),
            ended=Count("id", filter=Q(status__in=WITH_OUTCOME)),
        )
    }
    rows = []
    for playbook in shown:
        planned, completed, ended = counts.get(playbook.id, (0, 0, 0))
        rows.append(
            (
                playbook.name,
                playbook.get_lifecycle_area_display(),
                badge(playbook.get_status_display(), PLAYBOOK_BADGES),
                f"{users.get(playbook.id, 0):,}",
                f"{planned:,}",
                f"{completed:,} of {ended:,}" if ended else "",
                day(playbook.created_at),
            )
        )
    return Table(
        title="Playbooks",
        headers=["Name", "Area", "Status", "Users in it", "Interventions", "Completed", "Made on"],
        rows=rows,
        total=playbooks.count(),
    )


def interventions_table(tenant: Tenant) -> Table:
    """The tenant's newest interventions."""
    interventions = Intervention.objects.filter(tenant=tenant)
    shown = list(interventions.order_by("-planned_at", "-id")[:ROWS_SHOWN])
    names: dict[UUID | None, str] = dict(Playbook.objects.filter(tenant=tenant).values_list("id", "name"))
    return Table(
        title="Interventions",
        headers=["Id", "Playbook", "Channel", "Status", "Planned on"],
        rows=[
            (
                code(intervention.id),
                names.get(intervention.playbook_id, "By hand"),
                intervention.get_channel_display(),
                badge(intervention.get_status_display(), INTERVENTION_BADGES),
                day(intervention.planned_at),
            )
            for intervention in shown
        ],
        total=interventions.count(),
    )
