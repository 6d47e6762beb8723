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
