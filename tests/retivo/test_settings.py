"""Settings, as a process reads them from its environment."""

import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY, service_environment


@pytest.mark.no_database
@pytest.mark.parametrize("value", ["$ecret", "$HOME", "$$", "a$b", r"\$x", r"a\$b\\$", "\\", "ä $(x) ${HOME}"])
def test_settings__whatever_a_secret_begins_with__take_it_as_it_is(value: str) -> None:
    """A generated key begins with a dollar sign now and then."""
    shown = subprocess.run(
        [sys.executable, "-c", "from retivo import settings as s; print(s.SECRET_KEY)"],
        cwd=REPOSITORY,
        env=service_environment(SECRET_KEY=value, RETIVO_DEVELOPMENT="0"),
        capture_output=True,
        text=True,
        check=True,
    )

    assert shown.stdout == f"{value}\n"


def public_url(**variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in service_environment().items() if name != "PUBLIC_URL"}
    return subprocess.run(
        [sys.executable, "-c", "from retivo import settings as s; print(s.PUBLIC_URL)"],
        cwd=REPOSITORY,
        env=environment | {"RETIVO_DEVELOPMENT": "0", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"RETIVO_DEVELOPMENT": "1"}, "http://127.0.0.1:8000"),
        ({"RETIVO_DEVELOPMENT": "1", "PUBLIC_URL": "http://here:1/"}, "http://here:1"),
        ({"ALLOWED_HOSTS": ""}, ""),
        ({"ALLOWED_HOSTS": "*,.retivo.example"}, ""),
        ({"ALLOWED_HOSTS": ".retivo.example,api.retivo.example,other.example"}, "https://api.retivo.example"),
        ({"PUBLIC_URL": "https://retivo.example/below/"}, "https://retivo.example/below"),
    ],
)
def test_public_url__set_or_not__has_no_slash_at_its_end(variables: dict[str, str], url: str) -> None:
    assert public_url(**variables).stdout == f"{url}\n"


@pytest.mark.no_database
@pytest.mark.parametrize(
    "url", ["http://retivo.example", "retivo.example", "https://", "https://a b", "https://me@x", "https://x/?a=1", "x"]
)
def test_public_url__that_is_none__stops_the_start_and_says_which(url: str) -> None:
    done = public_url(PUBLIC_URL=url)

    assert done.returncode == 1
    assert "PUBLIC_URL is as https://retivo.example" in done.stderr
