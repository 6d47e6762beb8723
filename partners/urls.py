from django.urls import path

from partners.customers import views as customers
from partners.integrations import views as integrations
from partners.overview import views as overview
from retivo.api import paths  # noqa: F401 - `any_uuid`

urlpatterns = [
    path("customers", customers.CustomersView.as_view(), name="partner-customers"),
    path("customers/<any_uuid:customer_id>", customers.CustomerView.as_view(), name="partner-customer"),
    path("integrations", integrations.IntegrationsView.as_view(), name="partner-integrations"),
    path(
        "integrations/<any_uuid:integration_id>/share",
        integrations.ShareView.as_view(),
        name="partner-integration-share",
    ),
    path(
        "integrations/<any_uuid:integration_id>/rotate-secret",
        integrations.RotateSecretView.as_view(),
        name="partner-integration-rotate-secret",
    ),
    path("patterns", overview.PatternsView.as_view(), name="partner-patterns"),
    path("stats", overview.StatsView.as_view(), name="partner-stats"),
]
