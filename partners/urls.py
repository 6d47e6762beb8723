from rest_framework.routers import SimpleRouter

from partners.customers.views import CustomerViewSet
from partners.integrations.views import IntegrationViewSet
from partners.outcomes.views import OutcomeViewSet
from partners.overview.views import PatternViewSet, StatsViewSet
from retivo.api import paths  # noqa: F401 - `any_uuid`

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("customers", CustomerViewSet, basename="partner-customer")
router.register("integrations", IntegrationViewSet, basename="partner-integration")
router.register("outcomes", OutcomeViewSet, basename="partner-outcome")
router.register("patterns", PatternViewSet, basename="partner-pattern")
router.register("stats", StatsViewSet, basename="partner-stats")

urlpatterns = router.urls
