from django.urls import path

from decisions.ledger import views as ledger
from decisions.lift import views as lift
from decisions.playbooks import views as playbooks
from decisions.recommending import views as recommending
from retivo.api import paths  # noqa: F401 - `any_uuid`

urlpatterns = [
    path("decisions/recommend", recommending.RecommendView.as_view(), name="recommend"),
    path("decisions/export", ledger.ExportView.as_view(), name="export-decisions"),
    path("decisions", ledger.DecisionsView.as_view(), name="decisions"),
    path("decisions/<slug:decision_id>", ledger.DecisionView.as_view(), name="decision"),
    path("analytics/lift", lift.LiftView.as_view(), name="lift"),
    path("playbooks", playbooks.PlaybooksView.as_view(), name="playbooks"),
    path("playbooks/<any_uuid:playbook_id>", playbooks.PlaybookView.as_view(), name="playbook"),
    path("playbooks/<any_uuid:playbook_id>/status", playbooks.PlaybookStatusView.as_view(), name="playbook-status"),
    path("interventions", playbooks.InterventionsView.as_view(), name="interventions"),
    path("interventions/<slug:intervention_id>", playbooks.InterventionView.as_view(), name="intervention"),
    path("interventions/<slug:intervention_id>/approve", playbooks.ApproveView.as_view(), name="approve-intervention"),
    path("interventions/<slug:intervention_id>/pause", playbooks.PauseView.as_view(), name="pause-intervention"),
    path("interventions/<slug:intervention_id>/reject", playbooks.RejectView.as_view(), name="reject-intervention"),
]
