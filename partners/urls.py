from typing import Any

from django.urls import path
from rest_framework.routers import SimpleRouter

from partners.audit.views import AuditViewSet
from partners.customers.views import CustomerViewSet
from partners.deletions.views import DeletionViewSet
from partners.endpoints.views import CertificationViewSet, EndpointViewSet, RecoveryViewSet
from partners.events.views import EventTypeViewSet, EventViewSet
from partners.integrations.views import IntegrationViewSet
from partners.keys.views import CustomerKeyViewSet, PartnerKeyViewSet
from partners.outcomes.views import OutcomeViewSet
from partners.overview.views import PatternViewSet, StatsViewSet
from partners.revisions.views import RevisionViewSet
from partners.rollouts.views import IntegrationRolloutViewSet, RolloutViewSet
from partners.switches.views import KillSwitchViewSet, ShadowModeViewSet
from partners.usage.views import UsageAlertViewSet, UsageViewSet
from partners.webhooks.views import WebhookViewSet
from retivo.api import paths  # noqa: F401 - `any_uuid`, `prefixed_id`

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("customers", CustomerViewSet, basename="partner-customer")
router.register("customers/<customer:customer_id>/api-keys", CustomerKeyViewSet, basename="customer-api-key")
router.register("api-keys", PartnerKeyViewSet, basename="partner-api-key")
router.register("deletions", DeletionViewSet, basename="partner-deletion")
router.register("integrations", IntegrationViewSet, basename="partner-integration")
router.register(
    "integrations/<any_uuid:integration_id>/revisions", RevisionViewSet, basename="partner-integration-revision"
)
router.register(
    "integrations/<any_uuid:integration_id>/rollouts", IntegrationRolloutViewSet, basename="partner-integration-rollout"
)
router.register("rollouts", RolloutViewSet, basename="partner-rollout")
router.register("outcomes", OutcomeViewSet, basename="partner-outcome")
router.register("endpoints", EndpointViewSet, basename="partner-endpoint")
router.register("endpoints/<any_uuid:endpoint_id>/recoveries", RecoveryViewSet, basename="endpoint-recovery")
router.register(
    "endpoints/<any_uuid:endpoint_id>/certifications", CertificationViewSet, basename="endpoint-certification"
)
router.register("events", EventViewSet, basename="partner-event")
router.register("event-types", EventTypeViewSet, basename="partner-event-type")
router.register("audit", AuditViewSet, basename="partner-audit")
router.register("webhooks", WebhookViewSet, basename="partner-webhook")
router.register("patterns", PatternViewSet, basename="partner-pattern")
router.register("stats", StatsViewSet, basename="partner-stats")
router.register("usage", UsageViewSet, basename="partner-usage")

_ONE: Any = {"get": "retrieve", "put": "update"}  # there is one of each

urlpatterns = [
    *router.urls,
    path("kill-switch", KillSwitchViewSet.as_view(_ONE), name="partner-kill-switch"),
    path("shadow-mode", ShadowModeViewSet.as_view(_ONE), name="partner-shadow-mode"),
    # Set as a whole, and so by PUT on the list.
    path("usage-alerts", UsageAlertViewSet.as_view({"get": "list", "put": "update"}), name="partner-usage-alerts"),
]
