from django.urls import include, path, register_converter
from django.urls.converters import StringConverter

from events.ingestion import views as ingestion
from events.readback import views as readback
from events.settings import views as settings
from events.users import views as users
from retivo.api.paths import value_of


class UserIdConverter(StringConverter):
    """Whatever can be a user's id: with slashes and line breaks, too."""

    regex = r"[\s\S]{1,255}"

    def to_python(self, value: str) -> str:
        return value_of(value)


register_converter(UserIdConverter, "user_id")

urlpatterns = [
    path("track", ingestion.TrackView.as_view(), name="track"),
    path("external/events", ingestion.ExternalEventsView.as_view(), name="external-events"),
    path("events", readback.EventsView.as_view(), name="events"),
    path("events/rejected", readback.RejectedEventsView.as_view(), name="rejected-events"),
    path("settings", settings.SettingsView.as_view(), name="settings"),
    path("settings/kill-switch", settings.KillSwitchView.as_view(), name="settings-kill-switch"),
    path("settings/shadow-mode", settings.ShadowModeView.as_view(), name="settings-shadow-mode"),
    path("customers", users.UsersView.as_view(), name="users"),
    path("customers/stats", users.UserStatsView.as_view(), name="user-stats"),
    path("customers/<user_id:user_id>/export", users.UserExportView.as_view(), name="user-export"),
    path("customers/<user_id:user_id>", users.UserView.as_view(), name="user"),
    path("connectors/", include("events.connectors.urls")),
]
