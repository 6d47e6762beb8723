"""Where a login leads, and when a session of staff ends."""

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from tenants.context import staff_context
from tests.conftest import REPOSITORY, service_environment
from tests.tenants.staff.people import PASSWORD

EIGHT_HOURS = 8 * 3600


@pytest.fixture
def vera() -> None:
    with staff_context():
        User.objects.create_user("vera", password=PASSWORD, is_staff=True)


def leave_idle(gone: timedelta) -> None:
    with staff_context():
        session = Session.objects.get()
        session.expire_date -= gone
        session.save()


@pytest.mark.parametrize("query", ["", "?next=", "?next=https://elsewhere.example/", "?next=//elsewhere.example/"])
@pytest.mark.usefixtures("vera")
def test_login__without_a_page_of_ours_to_go_on_to__leads_to_the_start_page(query: str) -> None:
    client = Client()

    answer = client.post(f"/admin/login/{query}", {"username": "vera", "password": PASSWORD})

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200


def test_session__used_within_eight_hours__goes_on(viewer: Client) -> None:
    for _ in range(3):
        leave_idle(timedelta(hours=7, minutes=59))
        answer = viewer.get("/admin/")
        assert answer.status_code == 200
        assert answer.cookies["sessionid"]["max-age"] == EIGHT_HOURS


def test_session__idle_for_eight_hours__has_ended(viewer: Client) -> None:
    leave_idle(timedelta(hours=8))

    assert viewer.get("/admin/")["Location"].startswith("/admin/login/")


def test_session__that_an_earlier_release_gave_two_weeks__has_eight_hours_after_its_next_page(viewer: Client) -> None:
    leave_idle(timedelta(days=-14))

    viewer.get("/admin/")

    with staff_context():
        assert Session.objects.get().expire_date <= timezone.now() + timedelta(hours=8)


@pytest.mark.parametrize("path", ["/", "/admin", "/metrics", "/nothing", "/api/docs"])
def test_session__outside_the_staff_pages__is_not_looked_at(viewer: Client, path: str) -> None:
    answer = viewer.get(path)

    assert answer.status_code < 500
    assert not answer.cookies


def test_session__that_there_is_not__is_not_made() -> None:
    client = Client()
    client.cookies["sessionid"] = "nonsense"

    client.get("/admin/")

    with staff_context():
        assert not Session.objects.exists()


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({}, f"{EIGHT_HOURS} False False"),
        ({"STAFF_SESSION_IDLE_SECONDS": "600", "HSTS_PRELOAD": "1", "STAFF_REQUIRE_2FA": "1"}, "600 True True"),
        ({"RETIVO_DEVELOPMENT": "0"}, f"{EIGHT_HOURS} False True"),
        ({"RETIVO_DEVELOPMENT": "0", "STAFF_REQUIRE_2FA": "0"}, f"{EIGHT_HOURS} False False"),
    ],
)
def test_settings__of_the_environment__are_taken(variables: dict[str, str], shown: str) -> None:
    names = ("SESSION_COOKIE_AGE", "SECURE_HSTS_PRELOAD", "STAFF_REQUIRE_2FA")

    assert _settings(*names, **variables).stdout.strip() == shown


@pytest.mark.no_database
@pytest.mark.parametrize("seconds", ["0", "-1"])
def test_settings__sessions_that_end_at_once__are_refused(seconds: str) -> None:
    assert "a number of seconds above 0" in _settings("DEBUG", STAFF_SESSION_IDLE_SECONDS=seconds).stderr


def _settings(*names: str, **variables: str) -> Any:
    code = f"from retivo import settings as s; print({', '.join(f's.{name}' for name in names)})"
    environment = service_environment(**variables)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
