"""Staff pages run as `app_staff`: it sees every tenant, and Django's users and sessions, which the API cannot."""

from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from tenants.context import staff_context


class StaffPagesMiddleware:
    """Under `/admin/`, one transaction as staff around sessions, login and the page. Stands before the session's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/admin/"):
            return self.get_response(request)
        with staff_context():
            response = self.get_response(request)
            if response.status_code >= 500:
                transaction.set_rollback(True)
        return response
