from django.urls import path, register_converter

from delivery.outcomes import tokens, views


class TokenConverter:
    """What is no token is not found, whatever it is."""

    regex = tokens.PATTERN

    def to_python(self, value: str) -> str:
        return value

    to_url = to_python


register_converter(TokenConverter, "outcome_token")

urlpatterns = [path("<outcome_token:token>", views.OutcomeByUrlView.as_view(), name="outcome-url")]
