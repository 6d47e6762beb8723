from django.urls import path

from partners import views
from retivo.api import paths  # noqa: F401 - `any_uuid`

urlpatterns = [
    path("customers", views.CustomersView.as_view(), name="partner-customers"),
    path("customers/<any_uuid:customer_id>", views.CustomerView.as_view(), name="partner-customer"),
    path("integrations", views.IntegrationsView.as_view(), name="partner-integrations"),
    path("integrations/<any_uuid:integration_id>/share", views.ShareView.as_view(), name="partner-integration-share"),
    path(
        "integrations/<any_uuid:integration_id>/rotate-secret",
        views.RotateSecretView.as_view(),
        name="partner-integration-rotate-secret",
    ),
    path("patterns", views.PatternsView.as_view(), name="partner-patterns"),
    path("stats", views.StatsView.as_view(), name="partner-stats"),
]
