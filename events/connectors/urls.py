"""The vendors' paths, under one of ours each. Some SDKs end theirs with a slash: both are taken, one is documented."""

from typing import Any

from django.urls import URLPattern, path

from events.connectors import views


def _either(route: str, view: Any) -> list[URLPattern]:
    return [path(route, view.as_view()), path(f"{route}/", view.as_view(schema=None))]


urlpatterns = [
    *_either("segment", views.SegmentView),
    *_either("segment/v1/batch", views.SegmentBatchView),
    *_either("segment/v1/<str:kind>", views.SegmentMessageView),
    *_either("posthog", views.PostHogView),
    *_either("posthog/batch", views.PostHogCaptureView),
    path("posthog/i/v1/analytics/events", views.PostHogAnalyticsView.as_view()),
    *[
        path(f"posthog/{alias}", views.PostHogCaptureView.as_view(schema=None))
        for endpoint in ("capture", "e", "track", "engage", "i/v0/e", "i/v0/ai/batch")
        for alias in (endpoint, f"{endpoint}/")
    ],
    *_either("mixpanel", views.MixpanelView),
    *_either("mixpanel/<str:endpoint>", views.MixpanelEndpointView),
]
