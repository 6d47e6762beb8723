"""`/.well-known/security.txt`, and the headers of pages for people."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import checks
from django.test import Client

from tests.conftest import REPOSITORY, service_environment

PATH = "/.well-known/security.txt"
SOON = "2027-06-30T00:00:00Z"


def test_security_txt__with_contacts__says_what_the_rfc_wants(settings: Any) -> None:
    settings.SECURITY_CONTACT = ["mailto:security@retivo.example", "https://retivo.example/report"]
    settings.SECURITY_TXT_EXPIRES = datetime.fromisoformat("2027-06-30T02:00:00+02:00")

    answer = Client().get(PATH, headers={"Host": "localhost"})

    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert answer.content.decode().splitlines() == [
        "Contact: mailto:security@retivo.example",
        "Contact: https://retivo.example/report",
        "Expires: 2027-06-30T00:00:00Z",
        "Preferred-Languages: en",
        "Canonical: http://localhost/.well-known/security.txt",
    ]
    assert Client().head(PATH).status_code == 200
    assert Client().post(PATH).status_code == 405
    assert not answer.cookies


def test_security_txt__without_a_contact__is_not_there() -> None:
    assert Client().get(PATH).status_code == 404


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("days", "count"), [(-1, 1), (1, 0), (364, 0), (370, 1), (None, 0)], ids=["past", "soon", "a year", "far", "none"]
)
def test_check__of_the_time_it_expires__warns_in_time(settings: Any, days: int | None, count: int) -> None:
    settings.SECURITY_TXT_EXPIRES = None if days is None else datetime.now(UTC) + timedelta(days=days)

    found = [each for each in checks.run_checks() if "SECURITY_TXT_EXPIRES" in each.msg]

    assert len(found) == count


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("contact", "expires", "said"),
    [
        ("mailto:a@retivo.example", SOON, ""),
        ("mailto:a@retivo.example,https://retivo.example/x", SOON, ""),
        ("", "", ""),
        ("", "nonsense", ""),
        ("a@retivo.example", SOON, "SECURITY_CONTACT holds URIs"),
        ("http://retivo.example", SOON, "SECURITY_CONTACT holds URIs"),
        ("mailto:a@retivo.example\nExpires: never", SOON, "SECURITY_CONTACT holds URIs"),
        ("mailto:a@retivo.example, mailto:b c@x", SOON, "SECURITY_CONTACT holds URIs"),
        ("mailto:a@retivo.example", "", "SECURITY_TXT_EXPIRES"),
        ("mailto:a@retivo.example", "2027-06-30", "SECURITY_TXT_EXPIRES"),
        ("mailto:a@retivo.example", "2027-06-30T00:00:00", "SECURITY_TXT_EXPIRES"),
        ("mailto:a@retivo.example", "2027-13-30T00:00:00Z", "SECURITY_TXT_EXPIRES"),
    ],
)
def test_settings__of_security_txt__are_right_or_refused(contact: str, expires: str, said: str) -> None:
    environment = service_environment(SECURITY_CONTACT=contact, SECURITY_TXT_EXPIRES=expires)

    result = subprocess.run(
        [sys.executable, "-c", "import retivo.settings"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (said in result.stderr) if said else (result.returncode == 0), result.stderr


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/nonsense/", "/api/docs", "/api/docs?script="])
def test_pages__for_people__say_what_a_browser_may_run(path: str) -> None:
    policy = Client().get(path)["Content-Security-Policy"]

    assert "unsafe-inline" not in policy
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == ("'self'" if path.startswith("/api/") else "'self' 'unsafe-eval'")
    assert re.fullmatch(r"'self' 'sha256-[^']+'", directives["style-src"])
    assert (directives["frame-ancestors"], directives["base-uri"]) == ("'none'", "'none'")


def test_pages__for_people__hold_no_script() -> None:
    for path in ("/admin/login/", "/api/docs"):
        html = Client().get(path).content.decode()
        assert re.findall(r"<script(?![^>]*\bsrc=)", html) == [], path
        assert re.findall(r"<[^>]*\s(?:style|on\w+)=", html) == [], path


def test_too_many_pages__at_once__have_the_policy_too(settings: Any) -> None:
    settings.STAFF_THREADS = 0

    answer = Client().get("/admin/login/")

    assert (answer.status_code, "Content-Security-Policy" in answer) == (429, True)
