from django.contrib import messages
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView, OIDCAuthenticationRequestView


class SignOnView(OIDCAuthenticationRequestView):  # type: ignore[misc]  # it carries no types
    """Leads to the provider."""


class CallbackView(OIDCAuthenticationCallbackView):  # type: ignore[misc]  # it carries no types
    """Where the provider leads back to."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if request.GET.get("error"):
            # Not the library's answer, which logs out whoever follows such a link.
            return self.login_failure()
        with connection.cursor() as cursor:
            # The provider is asked three times meanwhile, each for OIDC_TIMEOUT seconds at the most.
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '15s'")
        answer: HttpResponse = super().get(request)
        return answer

    def login_failure(self) -> HttpResponse:
        messages.error(self.request, "Signing on failed. You may have no account here, or the provider did not answer.")
        return redirect("admin:login")
