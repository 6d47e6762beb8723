"""Wrong passwords are refused before they are hashed, by user and by address, and each login leaves its trace."""

from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db.models import F
from django.test import Client
from django.utils import timezone

from tenants import tasks
from tenants.accounts import logins
from tenants.context import staff_context
from tenants.models import AuditEntry
from tests.tenants.staff.people import PASSWORD, log_in

LOGIN = "/admin/login/"
HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"

hashed: list[str] = []


class CountingHasher(MD5PasswordHasher):
    def encode(self, password: str, salt: str) -> str:
        hashed.append(password)
        return super().encode(password, salt)


@pytest.fixture(autouse=True)
def _quick(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    with staff_context():
        User.objects.create_user("vera", password=PASSWORD, is_staff=True)
    hashed.clear()


def guess(name: str = "vera", *, address: str = HERE, password: str = "a wrong password", **headers: str) -> Any:
    return Client(REMOTE_ADDR=address, headers=headers).post(LOGIN, {"username": name, "password": password})


def trail() -> list[tuple[str, str]]:
    with staff_context():
        return list(AuditEntry.objects.order_by("id").values_list("actor", "action"))


def actions() -> list[str]:
    return [action for _, action in trail()]


def pass_time(gone: timedelta) -> None:
    with staff_context():
        AccessAttempt.objects.update(attempt_time=F("attempt_time") - gone)


# --- What is refused --------------------------------------------------------------------------------------------------


def test_guesses__of_a_user_from_an_address__are_refused_after_five_without_a_hash() -> None:
    answers = [guess() for _ in range(8)]

    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 4
    assert len(hashed) == 5
    refused = answers[-1]
    assert 0 < int(refused["Retry-After"]) <= 15 * 60
    assert refused["Content-Type"] == "text/html; charset=utf-8"
    assert "Try again in 15 minutes." in refused.content.decode()
    # Not the right one either, but elsewhere, and of somebody else here.
    assert guess(password=PASSWORD).status_code == 429
    assert guess(password=PASSWORD, address=ELSEWHERE).status_code == 302
    assert guess("nora").status_code == 200


def test_guesses__with_another_browser_each__count_together() -> None:
    assert [guess(User_Agent=f"browser {n}").status_code for n in range(6)] == [200] * 4 + [429] * 2


def test_guesses__of_many_users_from_an_address__are_refused_after_twenty() -> None:
    answers = [guess(f"user{n}") for n in range(22)]

    assert [answer.status_code for answer in answers] == [200] * 19 + [429] * 3
    assert len(hashed) == 20


def test_guesses__from_one_network_of_version_6__count_together() -> None:
    assert [guess(address=f"2001:db8::{n}").status_code for n in range(6)] == [200] * 4 + [429] * 2
    assert guess(address="2001:db8:0:1::1").status_code == 200


def test_guesses__from_many_addresses__are_refused_but_where_the_user_has_been_before() -> None:
    assert guess(address=HERE, password=PASSWORD).status_code == 302

    answers = [guess(address=f"203.0.113.{n}").status_code for n in range(51)]

    assert answers == [200] * 49 + [429] * 2
    assert guess(address=ELSEWHERE, password=PASSWORD).status_code == 429
    assert guess(address=HERE, password=PASSWORD).status_code == 302
    pass_time(timedelta(minutes=6))
    assert guess(address=ELSEWHERE, password=PASSWORD).status_code == 302


def test_lockout__whatever_is_tried_meanwhile__ends() -> None:
    for _ in range(5):
        guess()
    pass_time(timedelta(minutes=14))
    assert guess().status_code == 429  # which does not begin the time anew
    pass_time(timedelta(minutes=2))

    assert guess(password=PASSWORD).status_code == 302


def test_success__after_typos__forgets_them() -> None:
    for _ in range(3):
        assert [guess().status_code for _ in range(4)] == [200] * 4
        assert guess(password=PASSWORD).status_code == 302


def test_forwarded_address__unless_a_proxy_is_trusted__is_not_believed(settings: Any) -> None:
    assert [guess(X_Forwarded_For=f"203.0.113.{n}").status_code for n in range(6)][-1] == 429

    settings.TRUSTED_PROXIES = [ip_network(HERE)]

    assert guess(X_Forwarded_For="203.0.113.1").status_code == 200


def test_old_password__guessed_in_a_session__counts_as_a_login(superuser: Client) -> None:
    form = {"old_password": "a wrong password", "new_password1": "x" * 20, "new_password2": "x" * 20}
    hashed.clear()

    answers = [superuser.post("/admin/password_change/", form) for _ in range(7)]

    assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 3
    assert "incorrectly" in answers[0].content.decode()
    assert len(hashed) == 5
    assert actions().count("staff_login.failed") == 5


# --- What is left of it -----------------------------------------------------------------------------------------------


def test_trail__of_a_lockout__has_an_entry_for_each_that_was_taken_and_one_for_the_lockout() -> None:
    for _ in range(9):
        guess()

    assert trail() == [("anonymous", "staff_login.failed")] * 5 + [("anonymous", "staff_login.locked_out")]
    with staff_context():
        entry = AuditEntry.objects.latest("id")
        assert (entry.detail, entry.address) == ({"username": "vera"}, HERE)


def test_trail__of_a_login_and_a_logout__names_user_and_address() -> None:
    client = log_in("oscar", group="operator")
    assert client.post("/admin/logout/").status_code == 200

    assert trail() == [("staff:oscar", "staff_user.logged_in"), ("staff:oscar", "staff_user.logged_out")]
    with staff_context():
        oscar = {"id": User.objects.get(username="oscar").pk, "name": "oscar"}
        entry = AuditEntry.objects.latest("id")
        assert (entry.detail, entry.address) == ({"user": oscar}, "127.0.0.1")


def test_log__of_each__has_user_and_address_and_no_password(caplog: pytest.LogCaptureFixture) -> None:
    guess(password="hunter2 hunter2")
    for _ in range(5):
        guess()
    guess(password=PASSWORD, address=ELSEWHERE)

    text = caplog.text
    for event in ("staff_login_failed", "staff_login_locked_out", "staff_login_refused", "staff_logged_in"):
        assert f'"event":"{event}"' in text, event
    assert '"username":"vera"' in text
    assert HERE in text
    assert ELSEWHERE in text
    assert "hunter2" not in text
    assert PASSWORD not in text


def test_rows__under_a_flood__are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "MOST_ENTRIES", 30)
    for address in range(6):
        for name in range(25):
            guess(f"user{name}", address=f"203.0.113.{address}")

    with staff_context():
        assert AccessAttempt.objects.count() == 6 * 20
    assert actions().count("staff_login.failed") == 30
    pass_time(timedelta(minutes=16))
    guess()
    with staff_context():
        assert AccessAttempt.objects.count() == 1
    assert actions().count("staff_login.failed") == 31


def test_forget_logins__daily__leaves_what_counts_still() -> None:
    guess("nora", password=PASSWORD)
    guess(password=PASSWORD)
    guess(password=PASSWORD, address=ELSEWHERE)
    pass_time(timedelta(minutes=16))
    with staff_context():
        AccessLog.objects.filter(ip_address=HERE).update(attempt_time=F("attempt_time") - timedelta(days=31))

    with staff_context():
        kept = Session.objects.earliest("expire_date")
        Session.objects.create(session_key="old", session_data="", expire_date=timezone.now() - timedelta(minutes=1))

    tasks.forget_logins(timestamp=0)

    with staff_context():
        assert not AccessAttempt.objects.exists()
        assert list(AccessLog.objects.values_list("ip_address", flat=True)) == [ELSEWHERE]
        assert Session.objects.contains(kept)
        assert not Session.objects.filter(session_key="old").exists()


# --- Beside the pages -------------------------------------------------------------------------------------------------


def test_reset__by_command__opens_the_login_and_leaves_an_entry() -> None:
    for _ in range(5):
        guess()

    call_command("axes_reset_username", "vera")

    assert trail()[-1] == ("command:axes_reset", "staff_login.reset")
    assert guess(password=PASSWORD).status_code == 302


def test_test_client__login_and_force_login__work() -> None:
    with staff_context():
        assert Client().login(username="vera", password=PASSWORD)
        assert not Client().login(username="vera", password="a wrong password")
        Client().force_login(User.objects.get(username="vera"))
