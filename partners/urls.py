from django.urls import path

from partners import views

urlpatterns = [
    path("customers", views.CustomersView.as_view(), name="partner-customers"),
    path("customers/<uuid:customer_id>", views.CustomerView.as_view(), name="partner-customer"),
    path("integrations", views.IntegrationsView.as_view(), name="partner-integrations"),
    path("integrations/<uuid:integration_id>/share", views.ShareView.as_view(), name="partner-integration-share"),
    path(
        "integrations/<uuid:integration_id>/rotate-secret",
        views.RotateSecretView.as_view(),
        name="partner-integration-rotate-secret",
    ),
    path("patterns", views.PatternsView.as_view(), name="partner-patterns"),
    path("stats", views.StatsView.as_view(), name="partner-stats"),
]
