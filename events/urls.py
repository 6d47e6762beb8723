from django.urls import include, path, register_converter
from django.urls.converters import StringConverter

from events.ingestion import views
from events.settings import views as settings_views
from events.users import views as users


class UserIdConverter(StringConverter):
    """Whatever can be a user's id: with slashes and line breaks, too."""

    regex = r"[^\0]{1,255}"


register_converter(UserIdConverter, "user_id")

urlpatterns = [
    path("track", views.TrackView.as_view(), name="track"),
    path("external/events", views.ExternalEventsView.as_view(), name="external-events"),
    path("settings", settings_views.SettingsView.as_view(), name="settings"),
    path("settings/kill-switch", settings_views.KillSwitchView.as_view(), name="settings-kill-switch"),
    path("settings/shadow-mode", settings_views.ShadowModeView.as_view(), name="settings-shadow-mode"),
    path("customers", users.UsersView.as_view(), name="users"),
    path("customers/stats", users.UserStatsView.as_view(), name="user-stats"),
    path("customers/<user_id:user_id>", users.UserView.as_view(), name="user"),
    path("connectors/", include("events.connectors.urls")),
]
