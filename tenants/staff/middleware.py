"""Staff pages run as `app_staff`: it sees every tenant, and Django's users and sessions, which the API cannot."""

from collections.abc import Callable

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from retivo.staff import error_pages
from retivo.threads import FullError, places
from tenants.context import staff_context


class StaffPagesMiddleware:
    """Under `/admin/`, one transaction as staff around sessions, login and the page. Stands before the session's.

    All of it has one share of the threads, so that a slow page or a guesser of passwords leaves the API its own.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/admin/"):
            return self.get_response(request)
        response = self._answer(request)
        response.headers["Content-Security-Policy"] = error_pages.content_policy_of_pages()
        return response

    def _answer(self, request: HttpRequest) -> HttpResponse:
        try:
            is_taken = places.take({"staff pages": settings.STAFF_THREADS})
        except FullError:
            is_taken = False
        if not is_taken:
            return error_pages.too_many(
                request, "Too many pages are being loaded at once. Try again in a moment.", retry_after=1
            )
        with staff_context():
            response = self.get_response(request)
            if response.status_code >= 500:
                transaction.set_rollback(True)
        return response


class SessionGoesOnMiddleware:
    """Each request of a person who is logged in begins `SESSION_COOKIE_AGE` anew.

    Not Django's SESSION_SAVE_EVERY_REQUEST, which would do so outside `/admin/`, too, where sessions cannot be read.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/admin/") and request.user.is_authenticated:
            request.session.modified = True
        return self.get_response(request)
