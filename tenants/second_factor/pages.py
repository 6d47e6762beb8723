"""Staff's pages of their own second factor. All but the overview work before the second factor was asked for."""

from base64 import b32encode
from typing import Any

import segno
from django.contrib import admin, messages
from django.contrib.auth.views import RedirectURLMixin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.views.generic import FormView
from django_otp import login

from retivo.staff import error_pages
from retivo.staff.pages import actor
from tenants.accounts import logins
from tenants.accounts.admin import person
from tenants.second_factor import services
from tenants.second_factor.forms import CodeForm, EnrolForm, read_secret, sign_secret


def overview(request: HttpRequest) -> HttpResponse:
    user = person(request)
    context = {"is_enrolled": services.is_enrolled(user), "codes_left": services.recovery_codes_left(user)}
    return page(request, "staff/second_factor.html", title="Second factor", **context)


class FactorView(RedirectURLMixin, FormView):  # type: ignore[type-arg]  # generic for mypy alone
    """One form. Too many wrong codes are a page with status 429, as too many wrong passwords are."""

    template_name = "staff/second_factor_form.html"
    title = ""
    text = ""
    submit_label = ""
    danger = False
    needs_enrolment = True
    next_page = "admin:index"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self.needs_enrolment and not services.is_enrolled(person(request)):
            return redirect("second_factor")
        try:
            return super().dispatch(request, *args, **kwargs)
        except services.ThrottledError as error:
            logins.log_refusal("second_factor_refused", person(request))
            seconds = error.seconds
            text = f"Too many wrong codes. Try again in {seconds} second{'s' if seconds > 1 else ''}."
            return error_pages.too_many(request, text, retry_after=seconds)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown = {name: getattr(self, name) for name in ("title", "text", "submit_label", "danger")}
        own = {"next": self.get_redirect_url(), **shown}
        return super().get_context_data(**{**admin.site.each_context(self.request), **own, **kwargs})


class VerifyView(FactorView):
    form_class = CodeForm
    title = "Second factor"
    submit_label = "Go on"

    def form_valid(self, form: CodeForm) -> HttpResponse:
        login(self.request, form.device)
        logins.record("second_factor_verified", person(self.request), by=form.device.name)
        return redirect(self.get_success_url())


class EnrolView(FactorView):
    form_class = EnrolForm
    title = "Set up a second factor"
    text = "Scan the QR code with an authenticator app, then type the code that the app shows."
    submit_label = "Set it up"
    needs_enrolment = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not person(request).has_usable_password():
            raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get_initial(self) -> dict[str, Any]:
        return {"secret": sign_secret(person(self.request), services.new_secret())}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        form, user = context["form"], person(self.request)
        try:
            secret = read_secret(user, form["secret"].value() or "")
        except ValidationError:
            # Begun anew, with a secret of ours.
            secret = services.new_secret()
            form.data = {**form.data.dict(), "secret": sign_secret(user, secret)}
        picture = segno.make(services.app_url(user, secret), micro=False).svg_inline(scale=4, light="#fff")
        typed = b32encode(bytes.fromhex(secret)).decode()
        return {**context, "picture": mark_safe(picture), "secret": typed}  # noqa: S308  # segno's own

    def form_valid(self, form: EnrolForm) -> HttpResponse:
        user, data = person(self.request), form.cleaned_data
        try:
            device, codes = services.enrol(
                actor=actor(self.request), user=user, secret=data["secret"], code=data["code"]
            )
        except ValidationError as error:
            form.add_error("code", error)
            return self.form_invalid(form)
        login(self.request, device)
        return codes_page(self.request, codes, go_on=self.get_success_url())


class CodesView(FactorView):
    form_class = CodeForm
    title = "New recovery codes"
    text = "The codes that you have now will no longer work."
    submit_label = "Make new codes"

    def form_valid(self, form: CodeForm) -> HttpResponse:
        codes = services.new_recovery_codes(actor=actor(self.request), user=person(self.request))
        return codes_page(self.request, codes, go_on=reverse("second_factor"))


class RemoveView(FactorView):
    form_class = CodeForm
    title = "Remove the second factor"
    text = (
        "The app and the recovery codes will no longer work. If a second factor is required, you then set up another."
    )
    submit_label = "Remove it"
    danger = True

    def form_valid(self, form: CodeForm) -> HttpResponse:
        services.remove(actor=actor(self.request), user=person(self.request))
        messages.success(self.request, "Your second factor is removed.")
        return redirect("second_factor")


def codes_page(request: HttpRequest, codes: list[str], *, go_on: str) -> HttpResponse:
    """The codes, in this answer and nowhere else."""
    response = page(request, "staff/recovery_codes.html", title="Recovery codes", codes=codes, go_on=go_on)
    response.headers["Cache-Control"] = "no-store"
    return response


def page(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})
