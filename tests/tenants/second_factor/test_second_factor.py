"""The second factor: asked for before any page, set up by its owner, throttled, and in the trail."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import override_script_prefix
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from tenants.context import staff_context
from tenants.models import AuditEntry
from tenants.second_factor import services
from tests.tenants.second_factor.apps import ENROL, VERIFY, WRONG, App, enrolled, enrolment, with_password
from tests.tenants.staff.people import PASSWORD, TENANTS, assert_is_stored_nowhere

OVERVIEW, CODES, REMOVE = "/admin/second-factor/", "/admin/second-factor/codes/", "/admin/second-factor/remove/"


@pytest.fixture(autouse=True)
def vera(settings: Any) -> User:
    # Hours in place of seconds: a slow machine is no lockout that has ended.
    settings.OTP_TOTP_THROTTLE_FACTOR = settings.OTP_STATIC_THROTTLE_FACTOR = 3600
    with staff_context():
        return User.objects.create_user("vera", password=PASSWORD, is_staff=True, is_superuser=True)


def trail() -> list[str]:
    with staff_context():
        return list(
            AuditEntry.objects.exclude(action__contains="logged_").order_by("id").values_list("action", flat=True)
        )


def pass_time(gone: timedelta) -> None:
    with staff_context():
        for device in (TOTPDevice, StaticDevice):
            device.objects.update(throttling_failure_timestamp=F("throttling_failure_timestamp") - gone)


def verify(client: Client, code: str, **fields: str) -> Any:
    return client.post(VERIFY, {"code": code, **fields})


def codes_on(page: Any) -> list[str]:
    found = re.findall(r"<li><code>([0-9a-f]{5}(?:-[0-9a-f]{5}){3})</code></li>", page.content.decode())
    assert len(found) == services.RECOVERY_CODES
    assert "no-store" in page["Cache-Control"]
    return found


# --- Who is let in ----------------------------------------------------------------------------------------------------


def test_second_factor__below_a_prefix__is_asked_for_too() -> None:
    enrolled("vera")
    client = with_password("vera")

    with override_script_prefix("/below/"):
        response = client.get(TENANTS, SCRIPT_NAME="/below")

    assert response.status_code == 302
    assert unquote(response["Location"]) == f"/below{VERIFY}?next=/below{TENANTS}"


def test_password__without_an_app__is_enough_where_none_is_required() -> None:
    assert with_password("vera").get("/admin/").status_code == 200


def test_password__of_a_user_with_an_app__opens_no_page_but_the_codes() -> None:
    app = enrolled("vera")
    client = with_password("vera")

    for path in ("/admin/", TENANTS, "/admin/password_change/", "/admin/nonsense/", OVERVIEW, ENROL, CODES, REMOVE):
        answer = client.get(path)
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, VERIFY), path
        assert client.post(path).status_code == 302, path
    assert "Hierarchy" not in client.get(VERIFY).content.decode()

    answer = verify(client, app.code(steps=1), next=TENANTS)

    assert (answer.status_code, answer["Location"]) == (302, TENANTS)
    assert client.get(TENANTS).status_code == 200
    assert trail()[-1] == "staff_user.second_factor_verified"


@pytest.mark.parametrize("following", ["https://elsewhere.example/", "//elsewhere.example", ""])
def test_code__with_a_page_elsewhere_to_go_on_to__leads_to_the_start_page(following: str) -> None:
    app = enrolled("vera")

    assert verify(with_password("vera"), app.code(steps=1), next=following)["Location"] == "/admin/"


def test_required__who_has_none__sets_it_up_first(settings: Any) -> None:
    settings.STAFF_REQUIRE_2FA = True
    client = with_password("vera")

    answer = client.get(TENANTS)
    assert answer["Location"] == f"{ENROL}?next=%2Fadmin%2Ftenants%2Ftenant%2F"
    page = client.get(answer["Location"])
    assert "Hierarchy" not in page.content.decode()
    app = App.of_typed(page.context["secret"])
    form = {"secret": page.context["form"]["secret"].value(), "code": app.code(), "password": PASSWORD, "next": TENANTS}
    codes = codes_on(client.post(ENROL, form))

    assert client.get(TENANTS).status_code == 200
    assert client.get(OVERVIEW).context["codes_left"] == 10
    assert trail() == ["staff_user.second_factor_enrolled"]
    for text in codes:
        assert_is_stored_nowhere(text)
        assert_is_stored_nowhere(text.replace("-", ""))


def test_logout__before_the_code__works() -> None:
    enrolled("vera")

    assert with_password("vera").post("/admin/logout/").status_code == 200


# --- Codes ------------------------------------------------------------------------------------------------------------


def test_code__used_once__is_wrong_afterwards() -> None:
    code = enrolled("vera").code(steps=1)

    assert verify(with_password("vera"), code).status_code == 302
    again = verify(with_password("vera"), code)

    assert again.status_code == 200
    assert "used before" in again.content.decode()


@pytest.mark.parametrize("written", ["{}", " {} ", "{:.3}"])
def test_code__as_apps_show_it__is_taken(written: str) -> None:
    code = enrolled("vera").code(steps=1)
    text = f"{code[:3]} {code[3:]}" if written == "{:.3}" else written.format(code)

    assert verify(with_password("vera"), text).status_code == 302


def test_recovery_code__each__lets_in_once(vera: User) -> None:
    app = App(services.new_secret())
    client = with_password("vera")
    first, second, *_ = codes_on(client.post(ENROL, enrolment(vera, app)))

    assert verify(with_password("vera"), first).status_code == 302
    assert verify(with_password("vera"), first).status_code == 200
    pass_time(timedelta(hours=2))
    assert verify(with_password("vera"), second.upper().replace("-", " ")).status_code == 302
    assert client.get(OVERVIEW).context["codes_left"] == 8


@pytest.mark.parametrize(
    "code", ["", "1", "12345", "1234567", "٠٠٠٠٠٠", "1e5", "-12345", "12345\0", "x" * 41, "x" * 1000, "\ud800", "💥"]
)
def test_code__that_is_none__is_a_page_that_says_so(code: str) -> None:
    enrolled("vera")

    assert with_password("vera").post(VERIFY, {"code": code.encode("utf-8", "surrogatepass")}).status_code == 200


# --- Guesses ----------------------------------------------------------------------------------------------------------


def test_guesses__are_refused_for_longer_and_longer_and_the_right_code_too() -> None:
    app = enrolled("vera")
    client = with_password("vera")

    for failures in range(1, 7):
        assert verify(client, WRONG).status_code == 200
        refused = verify(client, app.code(steps=1))
        assert refused.status_code == 429
        assert 0 < int(refused["Retry-After"]) <= 3600 * 2 ** (failures - 1)
        assert "Too many wrong codes" in refused.content.decode()
        pass_time(timedelta(hours=2 ** (failures - 1)))

    assert verify(client, app.code(steps=1)).status_code == 302
    assert trail().count("staff_user.second_factor_failed") == 6
    assert verify(with_password("vera"), WRONG).status_code == 200, "a right code begins the count anew"


def test_guesses__in_another_session_or_on_another_form__count_together() -> None:
    app = enrolled("vera")
    client = with_password("vera")
    assert verify(client, app.code(steps=1)).status_code == 302

    assert client.post(REMOVE, {"code": WRONG}).status_code == 200
    assert client.post(CODES, {"code": WRONG}).status_code == 429
    assert verify(with_password("vera"), WRONG).status_code == 429


def test_guesses__of_recovery_codes__are_throttled_too() -> None:
    enrolled("vera")
    client = with_password("vera")

    assert [verify(client, f"{number:020x}").status_code for number in range(3)] == [200, 429, 429]


def test_guesses__at_once__count_one_after_the_other() -> None:
    enrolled("vera")
    clients = [with_password("vera") for _ in range(6)]

    def guess(client: Client) -> int:
        try:
            return int(verify(client, WRONG).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(guess, clients))

    assert sorted(answers) == [200] + [429] * 5
    with staff_context():
        assert TOTPDevice.objects.get().throttling_failure_count == 1


# --- One's own --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": WRONG},
        {"code": ""},
        {"password": "a wrong password"},
        {"password": ""},
        {"secret": "x"},
        {"secret": ""},
    ],
)
def test_enrolment__with_anything_wrong__keeps_nothing_and_shows_a_secret_to_go_on_with(
    vera: User, wrong: dict[str, str]
) -> None:
    client = with_password("vera")

    page = client.post(ENROL, enrolment(vera, App(services.new_secret()), **wrong))

    assert page.status_code == 200
    assert page.context["form"].errors
    with staff_context():
        assert not TOTPDevice.objects.exists()
    form = {"secret": page.context["form"]["secret"].value(), "password": PASSWORD}
    codes_on(client.post(ENROL, {**form, "code": App.of_typed(page.context["secret"]).code()}))


def test_enrolment__with_a_secret_made_for_another__is_refused(vera: User) -> None:
    with staff_context():
        nora = User.objects.create_user("nora", password=PASSWORD, is_staff=True)

    page = with_password("vera").post(ENROL, enrolment(nora, App(services.new_secret())))

    assert "secret" in page.context["form"].errors


def test_enrolment__wrong_passwords__count_as_a_logins(vera: User) -> None:
    client, form = with_password("vera"), enrolment(vera, App(services.new_secret()), password="wrong")

    assert [client.post(ENROL, form).status_code for _ in range(6)] == [200] * 4 + [429] * 2


def test_enrolment__of_a_second_app__is_refused(vera: User) -> None:
    app = enrolled("vera")
    client = with_password("vera")
    verify(client, app.code(steps=1))

    page = client.post(ENROL, enrolment(vera, App(services.new_secret())))

    assert "Remove it first" in str(page.context["form"].errors)


def test_enrolment__other_sessions_of_the_user__are_asked_for_the_code(vera: User) -> None:
    here, there = with_password("vera"), with_password("vera")
    codes_on(here.post(ENROL, enrolment(vera, App(services.new_secret()))))

    assert here.get(TENANTS).status_code == 200
    assert there.get(TENANTS)["Location"].startswith(VERIFY)


def test_new_codes__replace_the_old_ones(vera: User) -> None:
    app = App(services.new_secret())
    client = with_password("vera")
    old = codes_on(client.post(ENROL, enrolment(vera, app)))

    new = codes_on(client.post(CODES, {"code": app.code(steps=1)}))

    assert not set(old) & set(new)
    assert verify(with_password("vera"), old[0]).status_code == 200
    pass_time(timedelta(hours=2))
    assert verify(with_password("vera"), new[0]).status_code == 302
    assert "staff_user.recovery_codes_made" in trail()


def test_removal__with_a_code__asks_for_the_password_alone_from_then_on() -> None:
    app = enrolled("vera")
    client = with_password("vera")
    verify(client, app.code(steps=1))

    assert client.post(REMOVE, {"code": app.code(steps=2)}).status_code == 302

    assert "password alone" in client.get(OVERVIEW).content.decode()
    assert with_password("vera").get(TENANTS).status_code == 200
    with staff_context():
        assert not StaticToken.objects.exists()
    assert trail()[-1] == "staff_user.second_factor_removed"
    assert client.get(REMOVE)["Location"] == OVERVIEW, "there is none to remove"


# --- Lost devices -----------------------------------------------------------------------------------------------------


def test_reset__by_command__takes_app_and_codes_away_and_the_sessions_rights(settings: Any) -> None:
    app = enrolled("vera")
    client = with_password("vera")
    verify(client, app.code(steps=1))
    settings.STAFF_REQUIRE_2FA = True

    call_command("reset_second_factor", "vera")

    with staff_context():
        assert not TOTPDevice.objects.exists()
        assert not StaticDevice.objects.exists()
        entry = AuditEntry.objects.latest("id")
    assert (entry.actor, entry.action) == ("command:reset_second_factor", "staff_user.second_factor_reset")
    assert client.get(TENANTS)["Location"].startswith(ENROL)


def test_reset__of_nobody_or_of_one_without__says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="no user nobody"):
        call_command("reset_second_factor", "nobody")
    call_command("reset_second_factor", "vera")

    assert "to reset" in capsys.readouterr().out
    assert trail() == []


# --- What is left of it -----------------------------------------------------------------------------------------------


def test_log__of_each__has_user_and_address_and_no_code(caplog: pytest.LogCaptureFixture) -> None:
    app = enrolled("vera")
    client = with_password("vera")
    code = app.code(steps=1)
    for text in (WRONG, WRONG):
        verify(client, text)
    pass_time(timedelta(hours=2))
    verify(client, code)

    for event in ("failed", "refused", "verified"):
        assert f'"event":"staff_second_factor_{event}"' in caplog.text, event
    assert '"address":"127.0.0.1"' in caplog.text
    assert code not in caplog.text
    assert app.secret not in caplog.text


def test_staff_pages__of_devices__are_none() -> None:
    client = with_password("vera")

    for path in ("/admin/otp_totp/totpdevice/", "/admin/otp_static/staticdevice/"):
        assert client.get(path).status_code == 404
