"""Forms of the second factor. What they check counts: a wrong password as a login's, a wrong code by its device."""

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core import signing
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from tenants.accounts import logins
from tenants.accounts.admin import person
from tenants.second_factor import services

# How long the page with the QR code may stand.
PATIENCE_SECONDS = 3600


class CodeForm(forms.Form):
    """Asks for a code, and uses it up. `device` is the one that took it."""

    code = forms.CharField(
        max_length=40,
        help_text="The six digits that your authenticator app shows, or a recovery code.",
        widget=UnfoldAdminTextInputWidget({"autofocus": True, "autocomplete": "one-time-code"}),
    )

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request, self.user = request, person(request)
        self.device: Any = None

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        try:
            self.device = services.verify(user=self.user, code=code)
        except ValidationError:
            logins.record("second_factor_failed", self.user)
            raise
        return code


class EnrolForm(forms.Form):
    """Asks for the password again: a stolen session shall not be a way to shut its owner out."""

    code = forms.CharField(
        label="Code that the app shows",
        max_length=40,
        widget=UnfoldAdminTextInputWidget({"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )
    password = forms.CharField(
        label="Your password", widget=UnfoldAdminPasswordWidget({"autocomplete": "current-password"})
    )
    secret = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request, self.user = request, person(request)

    def clean_secret(self) -> str:
        return read_secret(self.user, self.cleaned_data["secret"])

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if authenticate(self.request, username=self.user.get_username(), password=password) is None:
            raise ValidationError("This is not your password.")
        return password


def sign_secret(user: User, secret: str) -> str:
    """For the form's hidden field: only a secret of ours, made for this user, comes back."""
    return signing.dumps(secret, salt=f"second factor of {user.pk}")


def read_secret(user: User, signed: str) -> str:
    """Raises ValidationError: it is not one of `sign_secret`, or too old."""
    try:
        secret: str = signing.loads(signed, salt=f"second factor of {user.pk}", max_age=PATIENCE_SECONDS)
    except signing.BadSignature as error:
        raise ValidationError("This page is too old. Scan the new QR code.") from error
    return secret
