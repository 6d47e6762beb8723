from django.urls import path

from events.connectors.posthog import views
from events.connectors.shared.paths import either

urlpatterns = [
    *either("posthog", views.PostHogView),
    *either("posthog/batch", views.PostHogCaptureView),
    path("posthog/i/v1/analytics/events", views.PostHogAnalyticsView.as_view()),
    *[
        path(f"posthog/{alias}", views.PostHogCaptureView.as_view(schema=None))
        for endpoint in ("capture", "e", "track", "engage", "i/v0/e", "i/v0/ai/batch")
        for alias in (endpoint, f"{endpoint}/")
    ],
]
