from django.urls import path

from events import views

urlpatterns = [
    path("track", views.TrackView.as_view(), name="track"),
    path("external/events", views.ExternalEventsView.as_view(), name="external-events"),
]
