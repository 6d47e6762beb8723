from rest_framework.routers import SimpleRouter

from retivo.api import paths  # noqa: F401 - `any_uuid`
from tenants.api_keys.views import OwnKeyViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("api-keys", OwnKeyViewSet, basename="api-key")

urlpatterns = router.urls
