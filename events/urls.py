from django.urls import path

from events import settings_views, views

urlpatterns = [
    path("track", views.TrackView.as_view(), name="track"),
    path("external/events", views.ExternalEventsView.as_view(), name="external-events"),
    path("settings", settings_views.SettingsView.as_view(), name="settings"),
    path("settings/kill-switch", settings_views.KillSwitchView.as_view(), name="settings-kill-switch"),
    path("settings/shadow-mode", settings_views.ShadowModeView.as_view(), name="settings-shadow-mode"),
]
