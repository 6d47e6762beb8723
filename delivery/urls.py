from django.urls import path, register_converter

from delivery import views


class ActionIdConverter:
    """What is no id of an action is not found, and never gets as far as the database."""

    regex = "ea_[0-9a-f]{32}"

    def to_python(self, value: str) -> str:
        return value

    to_url = to_python


register_converter(ActionIdConverter, "action_id")

urlpatterns = [
    path("actions", views.ActionsView.as_view(), name="actions"),
    path("actions/<action_id:action_id>", views.ActionView.as_view(), name="action"),
    path("actions/<action_id:action_id>/outcome", views.OutcomeView.as_view(), name="action-outcome"),
    path("actions/<action_id:action_id>/replay", views.ReplayView.as_view(), name="action-replay"),
]
