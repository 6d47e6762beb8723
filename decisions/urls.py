from django.urls import path

from decisions import decision_views, views

urlpatterns = [
    path("decisions/recommend", decision_views.RecommendView.as_view(), name="recommend"),
    path("decisions/export", decision_views.ExportView.as_view(), name="export-decisions"),
    path("decisions", decision_views.DecisionsView.as_view(), name="decisions"),
    path("decisions/<slug:decision_id>", decision_views.DecisionView.as_view(), name="decision"),
    path("analytics/lift", decision_views.LiftView.as_view(), name="lift"),
    path("playbooks", views.PlaybooksView.as_view(), name="playbooks"),
    path("playbooks/<uuid:playbook_id>", views.PlaybookView.as_view(), name="playbook"),
    path("playbooks/<uuid:playbook_id>/status", views.PlaybookStatusView.as_view(), name="playbook-status"),
    path("interventions", views.InterventionsView.as_view(), name="interventions"),
    path("interventions/<slug:intervention_id>/approve", views.ApproveView.as_view(), name="approve-intervention"),
    path("interventions/<slug:intervention_id>/pause", views.PauseView.as_view(), name="pause-intervention"),
    path("interventions/<slug:intervention_id>/reject", views.RejectView.as_view(), name="reject-intervention"),
]
