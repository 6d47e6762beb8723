"""What is no success under `/admin/` is a page for a person; everywhere else it is a problem (`retivo.api.errors`)."""

import http
import sys
from functools import cache, lru_cache
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from retivo.api import errors
from retivo.api.content_policy import content_policy

_WORDS = {
    400: "The request is malformed. Go back, and try it again.",
    403: "Your account may not see or do this. A superuser can add you to a group that may.",
    404: "There is nothing at this address. It may have been deleted since.",
    503: "The database did not answer in time. Try again in a moment.",
    500: "Something failed on our side. The request id finds it in the logs.",
}


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 400) or errors.handler400(request, exception)


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 403) or errors.handler403(request, exception)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 404) or errors.handler404(request, exception)


def handler500(request: HttpRequest) -> HttpResponse:
    """500, or 503 where the database is what failed: Django has one handler for both, and says nothing of the error."""
    error = sys.exception()
    if isinstance(error, Exception) and (problem := errors.as_problem(error)) and problem.status == 503:
        answer = _page(request, 503) or errors.problem_response(request, problem)
        for name, value in problem.headers.items():
            answer.headers[name] = value
        return answer
    return _page(request, 500) or errors.handler500(request)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW. Nothing but staff pages has a form."""
    page = _page(request, 403, "This form is too old, or came from another site. Reload the page, and send it again.")
    return page or errors.handler403(request, PermissionError(reason))


def too_many(request: HttpRequest, text: str, *, retry_after: int) -> HttpResponse:
    """429. `retry_after` is in seconds."""
    headers = {"Retry-After": str(retry_after), "Cache-Control": "no-store"}
    return _rendered(request, 429, text, headers=headers)


def _page(request: HttpRequest, status: int, text: str = "") -> HttpResponse | None:
    return _rendered(request, status, text or _WORDS[status]) if request.path_info.startswith("/admin/") else None


def _rendered(request: HttpRequest, status: int, text: str, *, headers: dict[str, str] | None = None) -> HttpResponse:
    request_id = getattr(request, "request_id", "")
    # A failed COMMIT is answered outside of the middleware that gives the other pages their policy.
    headers = {"Content-Security-Policy": content_policy_of_pages(), **(headers or {})}
    return HttpResponse(_html(status, text).replace(_REQUEST_ID, request_id), status=status, headers=headers)


# In the place of the request's, which has no such characters.
_REQUEST_ID = "(request id)"


@lru_cache(64)
def _html(status: int, text: str) -> str:
    """Without the database, which may be what failed. Kept, or refusing would cost more than what is refused."""
    context = {
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "text": text,
        "request_id": _REQUEST_ID,
        "site_title": settings.UNFOLD["SITE_TITLE"],
        "site_favicons": settings.UNFOLD["SITE_FAVICONS"],
        **theme(),
    }
    return render_to_string("staff/error.html", context)


def theme() -> dict[str, Any]:
    """What stands in the `<style>` of every staff page."""
    site: Any = admin.site  # unfold's
    return {
        "colors": site._get_colors("COLORS", HttpRequest()),
        "border_radius": site._get_config("BORDER_RADIUS", HttpRequest()),
    }


@cache
def content_policy_of_pages() -> str:
    # unfold's pages say in attributes what happens on a click; Alpine makes functions of these texts.
    html = render_to_string("unfold/layouts/skeleton.html", theme())
    return content_policy(html, scripts="'self' 'unsafe-eval'")
