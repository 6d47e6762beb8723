from django.urls import path, register_converter

from integrations.action_types import views


class ActionTypeIdConverter:
    """What is no id of an action type is not found, and never gets as far as the database."""

    regex = "at_[0-9a-f]{32}"

    def to_python(self, value: str) -> str:
        return value

    to_url = to_python


register_converter(ActionTypeIdConverter, "action_type_id")

urlpatterns = [
    path("action-types", views.ActionTypesView.as_view(), name="action-types"),
    path("action-types/<action_type_id:action_type_id>", views.ActionTypeView.as_view(), name="action-type"),
    path(
        "action-types/<action_type_id:action_type_id>/rotate-secret",
        views.RotateActionTypeSecretView.as_view(),
        name="action-type-rotate-secret",
    ),
]
