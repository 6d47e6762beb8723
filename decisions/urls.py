from django.urls import path

from decisions import views

urlpatterns = [
    path("playbooks", views.PlaybooksView.as_view(), name="playbooks"),
    path("playbooks/<uuid:playbook_id>", views.PlaybookView.as_view(), name="playbook"),
    path("playbooks/<uuid:playbook_id>/status", views.PlaybookStatusView.as_view(), name="playbook-status"),
    path("interventions", views.InterventionsView.as_view(), name="interventions"),
    path("interventions/<slug:intervention_id>/approve", views.ApproveView.as_view(), name="approve-intervention"),
    path("interventions/<slug:intervention_id>/pause", views.PauseView.as_view(), name="pause-intervention"),
    path("interventions/<slug:intervention_id>/reject", views.RejectView.as_view(), name="reject-intervention"),
]
