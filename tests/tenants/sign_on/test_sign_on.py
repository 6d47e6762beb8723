"""Sign-on at a provider, over HTTP: whom it lets in, and that nothing else the provider or a browser sends does."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from django.conf import global_settings
from django.contrib.auth.models import User
from django.test import Client

from tenants.context import staff_context
from tenants.models import AuditEntry
from tenants.sign_on.provider import MOST_BYTES
from tests import plain_http
from tests.conftest import REPOSITORY, Server, gunicorn, service_environment
from tests.tenants.sign_on.provider import SECRET, Provider, new_key, provider
from tests.tenants.staff.people import PASSWORD, TENANTS

SIGN_ON, CALLBACK = "/admin/sign-on/", "/admin/sign-on/callback/"
VERA = {"sub": "1", "email": "vera@retivo.example", "email_verified": True}


@pytest.fixture(scope="module")
def at_provider() -> Iterator[Provider]:
    with provider() as found:
        yield found


@pytest.fixture(scope="module")
def site(django_db_setup: None, at_provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Where a second factor is required of passwords, and groups make no accounts."""
    log = tmp_path_factory.mktemp("server") / "log"
    with gunicorn(log, **at_provider.environment(), STAFF_REQUIRE_2FA="1", WEB_CONCURRENCY="1") as server:
        yield server


@pytest.fixture
def asked(at_provider: Provider) -> Iterator[Provider]:
    """The provider, which says of its user that it is vera."""
    fresh = Provider(at_provider.url, key=at_provider.key, claims=dict(VERA))
    vars(at_provider).update(vars(fresh))
    yield at_provider
    vars(at_provider).update(vars(Provider(at_provider.url, key=at_provider.key)))


@pytest.fixture
def vera() -> User:
    with staff_context():
        return User.objects.create_user("vera@retivo.example", is_staff=True, is_superuser=True)


_browsers: list[httpx.Client] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _browsers:
        _browsers.pop().close()


def browser(site: Server, *, follow: bool = True) -> httpx.Client:
    _browsers.append(httpx.Client(base_url=site.url, follow_redirects=follow, timeout=60))
    return _browsers[-1]


def sign_on(site: Server, client: httpx.Client | None = None, following: str = TENANTS) -> httpx.Response:
    client = client or browser(site)
    return client.get(SIGN_ON, params={"next": following})


def assert_in(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.url.path) == (200, TENANTS), answer.text


def assert_refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.url.path) == (200, "/admin/login/"), answer.text
    assert "Signing on failed" in answer.text


def trail() -> list[tuple[str, str]]:
    with staff_context():
        return list(AuditEntry.objects.order_by("id").values_list("actor", "action"))


# --- Who is let in ----------------------------------------------------------------------------------------------------


def test_login_page__leads_to_the_provider_and_back(site: Server, asked: Provider, vera: User) -> None:
    client = browser(site)
    page = client.get(TENANTS)
    assert f'href="{SIGN_ON}?next={TENANTS}"' in page.text

    assert_in(sign_on(site, client))

    assert trail() == [("staff:vera@retivo.example", "staff_user.logged_in")]
    with staff_context():
        assert AuditEntry.objects.get().detail["by"] == "sign-on"


@pytest.mark.parametrize("following", ["https://elsewhere.example/", "//elsewhere.example/", ""])
def test_sign_on__with_a_page_elsewhere_to_go_on_to__leads_to_the_start_page(
    site: Server, asked: Provider, vera: User, following: str
) -> None:
    answer = sign_on(site, following=following)

    assert (answer.status_code, str(answer.url)) == (200, f"{site.url}/admin/")


def test_sign_on__of_one_deactivated_meanwhile__ends(site: Server, asked: Provider, vera: User) -> None:
    client = browser(site)
    assert_in(sign_on(site, client))

    with staff_context():
        User.objects.update(is_active=False)

    assert client.get(TENANTS).url.path == "/admin/login/"


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "nobody@retivo.example"},
        {"email": "VERA@retivo.example"},
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "true"},
        {"email": None},
        {"email": ["vera@retivo.example"]},
        {"email": "vera@retivo.example\0"},
        {"sub": "2"},
    ],
)
def test_sign_on__of_whom_nothing_good_is_known__is_refused(
    site: Server, asked: Provider, vera: User, claims: dict[str, Any]
) -> None:
    asked.token = {"sub": "1"}
    asked.claims |= claims

    assert_refused(sign_on(site))

    with staff_context():
        assert User.objects.count() == 1


@pytest.mark.parametrize("fields", [{"is_active": False}, {"is_staff": False}])
def test_sign_on__of_an_account_that_may_not_log_in__is_refused(
    site: Server, asked: Provider, vera: User, fields: dict[str, bool]
) -> None:
    with staff_context():
        User.objects.update(**fields)

    assert_refused(sign_on(site))


# --- Tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "another client"},
        {"aud": ["another client"]},
        {"aud": None},
        {"aud": ["retivo", "another client"], "azp": "another client"},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"iat": 2**40},
        {"nonce": "of another request"},
        {"nonce": None},
        {"sub": None},
    ],
    ids=str,
)
def test_token__with_a_claim_that_is_wrong__is_refused(
    site: Server, asked: Provider, vera: User, token: dict[str, Any]
) -> None:
    asked.token = token

    assert_refused(sign_on(site))


@pytest.mark.parametrize("forged", ["another key", "no signature", "the secret", "no token", "another key's id"])
def test_token__that_the_provider_did_not_sign__is_refused(
    site: Server, asked: Provider, vera: User, forged: str
) -> None:
    asked.sign = {
        "another key": lambda claims: asked.signed(claims, new_key()),
        "no signature": lambda claims: jwt.encode(claims, "", algorithm="none", headers={"kid": "1"}),
        "the secret": lambda claims: asked.signed(claims, SECRET * 2, "HS256"),
        "no token": lambda claims: "nonsense",
        "another key's id": lambda claims: jwt.encode(claims, asked.key, algorithm="RS256", headers={"kid": "2"}),
    }[forged]

    assert_refused(sign_on(site))


@pytest.mark.parametrize("path", ["/token", "/jwks", "/userinfo"])
@pytest.mark.parametrize(
    "answer",
    [
        (500, "down"),
        (401, "{}"),
        (302, "{}"),
        (200, "no JSON"),
        (200, "{}"),
        (200, "[]"),
        (200, ""),
        (200, "[" * 100_000),
        (200, '{"a":' * 100_000),
    ],
    ids=lambda answer: f"{answer[0]} {answer[1][:8]}",
)
def test_provider__that_answers_nonsense__is_a_refusal(
    site: Server, asked: Provider, vera: User, path: str, answer: tuple[int, str]
) -> None:
    asked.answers[path] = answer

    assert_refused(sign_on(site))


def test_provider__that_does_not_answer__is_a_refusal_in_time(site: Server, asked: Provider, vera: User) -> None:
    asked.delay = 8

    assert_refused(sign_on(site))


def test_provider__that_sends_a_byte_now_and_then__is_a_refusal_in_time(
    site: Server, asked: Provider, vera: User
) -> None:
    """Each byte comes in time. The answer with all of them would be right, after minutes."""
    asked.drip = 1

    assert_refused(sign_on(site))


def test_provider__that_sends_too_much__is_a_refusal(site: Server, asked: Provider, vera: User) -> None:
    """Right otherwise: spaces in front of JSON mean nothing."""
    asked.answers["/userinfo"] = (200, " " * MOST_BYTES + json.dumps(VERA))

    assert_refused(sign_on(site))


def test_provider__that_is_slow__is_waited_for(site: Server, asked: Provider, vera: User) -> None:
    """Longer in all than a transaction of the web may be idle."""
    asked.delay = 2.2

    assert_in(sign_on(site))


# --- Browsers ---------------------------------------------------------------------------------------------------------


def test_callback__of_another_browser__is_refused(site: Server, asked: Provider, vera: User) -> None:
    """Or a link would log its reader in as whoever made it."""
    mine = browser(site, follow=False)
    back = plain_http.get(mine.get(SIGN_ON).headers["Location"]).headers["Location"]
    path = f"{urlsplit(back).path}?{urlsplit(back).query}"

    assert_refused(browser(site).get(path))
    assert mine.get(path).headers["Location"] == "/admin/"
    assert mine.get(path).status_code == 400, "once is enough"


@pytest.mark.parametrize("query", ["", "?code=x", "?state=x", "?code=x&state=x", "?error=access_denied", "?code=%00"])
def test_callback__with_nonsense__is_refused_and_logs_nobody_out(
    site: Server, asked: Provider, vera: User, query: str
) -> None:
    assert browser(site).get(f"{CALLBACK}{query}").url.path == "/admin/login/"
    client = browser(site)
    sign_on(site, client)

    assert client.get(f"{CALLBACK}{query}").status_code in (200, 400)

    assert_in(client.get(TENANTS))


def test_password__with_a_code_in_the_query__is_a_password(site: Server, asked: Provider, vera: User) -> None:
    client = browser(site)
    client.get("/admin/login/")
    form = {"username": "vera@retivo.example", "password": "x", "csrfmiddlewaretoken": client.cookies["csrftoken"]}

    answer = client.post("/admin/login/?code=x&state=x", data=form)

    assert (answer.status_code, answer.url.path) == (200, "/admin/login/")
    assert asked.codes == {}


def test_password__beside_sign_on__still_needs_the_second_factor(site: Server, asked: Provider, settings: Any) -> None:
    settings.PASSWORD_HASHERS = global_settings.PASSWORD_HASHERS  # the server's
    with staff_context():
        User.objects.create_user("oscar", password=PASSWORD, is_staff=True)
    client = browser(site)
    client.get("/admin/login/")
    form = {"username": "oscar", "password": PASSWORD, "csrfmiddlewaretoken": client.cookies["csrftoken"]}

    answer = client.post("/admin/login/", data=form)

    assert answer.url.path == "/admin/second-factor/enrol/", answer.text


def test_refusals__from_an_address__are_throttled_as_wrong_passwords_of_no_user(
    site: Server, asked: Provider, vera: User
) -> None:
    asked.token = {"aud": "another client"}

    answers = [sign_on(site).status_code for _ in range(22)]

    assert answers == [200] * 19 + [429] * 3
    with staff_context():
        entries = AuditEntry.objects.filter(action="staff_login.failed")
        assert entries.count() == 20
        assert {entry.detail["username"] for entry in entries} == {""}


# --- Groups -----------------------------------------------------------------------------------------------------------


def test_group__where_one_is_named__is_required_and_makes_an_account_that_may_look(
    django_db_setup: None, asked: Provider, tmp_path: Any
) -> None:
    with gunicorn(
        tmp_path / "log",
        **asked.environment(),
        OIDC_STAFF_GROUP="retivo-staff",
        OIDC_USERNAME_CLAIM="preferred_username",
        WEB_CONCURRENCY="1",
    ) as site:
        asked.claims = {"sub": "1", "preferred_username": "nora"}
        for groups in (None, [], "retivo-staff", ["others"], {"retivo-staff": 1}):
            asked.claims["groups"] = groups
            assert_refused(sign_on(site))
        asked.claims["groups"] = ["others", "retivo-staff"]
        assert_in(sign_on(site))
        assert_in(sign_on(site))
        asked.claims["preferred_username"] = "no name!"
        assert_refused(sign_on(site))

    with staff_context():
        nora = User.objects.get()
        assert (nora.username, nora.is_superuser, nora.has_usable_password()) == ("nora", False, False)
        assert [group.name for group in nora.groups.all()] == ["viewer"]
    made = [("sign-on", "staff_user.created"), ("sign-on", "staff_user.changed")]
    done = [entry for entry in trail() if entry[0] != "anonymous"]
    assert done == [*made, *[("staff:nora", "staff_user.logged_in")] * 2]


# --- Settings ---------------------------------------------------------------------------------------------------------


def test_sign_on__unless_configured__is_not_there() -> None:
    assert Client().get(SIGN_ON).status_code in (302, 404)
    assert SIGN_ON not in Client().get("/admin/login/").content.decode()


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"OIDC_CLIENT_SECRET": ""}, "Set OIDC_CLIENT_SECRET"),
        ({"OIDC_JWKS_ENDPOINT": ""}, "Set OIDC_JWKS_ENDPOINT"),
        ({"OIDC_SIGN_ALGO": "PS256"}, "OIDC_SIGN_ALGO is RS256, ES256 or HS256"),
        ({"OIDC_SIGN_ALGO": "none"}, "OIDC_SIGN_ALGO is RS256, ES256 or HS256"),
        ({"RETIVO_DEVELOPMENT": "0"}, "OIDC_AUTHORIZATION_ENDPOINT has to begin with https://"),
    ],
)
def test_settings__that_let_nobody_sign_on__are_refused(changed: dict[str, str], said: str) -> None:
    environment = service_environment(**Provider("http://127.0.0.1:1").environment() | changed)

    result = subprocess.run(
        [sys.executable, "-c", "import retivo.settings"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert said in result.stderr
