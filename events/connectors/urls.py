"""The vendors' paths: a line a vendor."""

from django.urls import include, path

urlpatterns = [
    path("", include("events.connectors.segment.urls")),
    path("", include("events.connectors.posthog.urls")),
    path("", include("events.connectors.mixpanel.urls")),
]
