"""An authenticator app, and staff who have one."""

import time
from base64 import b32decode
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import TOTP

from tenants.context import staff_context
from tenants.second_factor import services
from tenants.second_factor.forms import sign_secret
from tests.tenants.staff.people import PASSWORD

VERIFY, ENROL = "/admin/second-factor/verify/", "/admin/second-factor/enrol/"
WRONG = "000000"


class App:
    """Shows the code of the moment, which sets it up, and of the moments after it, which the service takes, too."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    @classmethod
    def of_typed(cls, key: str) -> "App":
        return cls(b32decode(key).hex())

    def code(self, *, steps: int = 0) -> str:
        if time.time() % 30 > 26:
            time.sleep(30 - time.time() % 30)  # or its moment may be over before it arrives
        totp = TOTP(bytes.fromhex(self.secret))
        totp.time = time.time() + 30 * steps
        return f"{totp.token():06d}"


def enrolment(user: User, app: App, **fields: Any) -> dict[str, Any]:
    """What the form sends."""
    return {"secret": sign_secret(user, app.secret), "code": app.code(), "password": PASSWORD, **fields}


def enrolled(name: str) -> App:
    """The app of a user who has set it up."""
    app = App(services.new_secret())
    with staff_context():
        services.enrol(actor="test", user=User.objects.get(username=name), secret=app.secret, code=app.code())
    return app


def with_password(name: str) -> Client:
    """A browser in which the password was right."""
    client = Client()
    response = client.post("/admin/login/", {"username": name, "password": PASSWORD})
    assert response.status_code == 302
    return client
