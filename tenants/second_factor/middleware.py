"""Which page staff have to visit before any other."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from tenants.second_factor import services


class SecondFactorMiddleware:
    """Who has a second factor, or must have one, sees nothing under `/admin/` before it was asked for.

    Stands behind django-otp's, which says whether this session has been verified.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/admin/") and (name := owed(request)):
            page = reverse(name)
            if request.path not in (page, reverse("admin:logout")):
                # A form's answer leads nowhere: what it asked for was not done.
                query = {"next": request.get_full_path()} if request.method == "GET" else {}
                return redirect(reverse(name, query=query))
        return self.get_response(request)


def owed(request: HttpRequest) -> str | None:
    """The name of the page that comes first; None where the way is free."""
    user: Any = request.user  # django-otp says of it whether it is verified
    is_signed_on = request.session.get(BACKEND_SESSION_KEY) == settings.SIGN_ON_BACKEND  # the provider asked for it
    if not user.is_authenticated or user.is_verified() or is_signed_on:
        return None
    if services.is_enrolled(user):
        return "second_factor_verify"
    return "second_factor_enrol" if settings.STAFF_REQUIRE_2FA else None
