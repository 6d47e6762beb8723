"""Several servers in one URL, as docs/operations.md has it for failover."""

from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conftest import database_url
from tests.deploy.releases import THIS


@pytest.mark.parametrize("alias", ["default", "owner"])
def test_url__that_names_several_servers__reaches_the_one_that_can_be_written_to(alias: str, tmp_path: Path) -> None:
    url = database_url(alias)
    if "?host=" in url:  # a socket's folder; the first has none
        url = url.replace("?host=", f"?host={quote(str(tmp_path))},")
    else:  # nobody listens on the first one's port
        url = url.replace("@", "@127.0.0.1:1,")
    url += ("&" if "?" in url else "?") + "target_session_attrs=read-write&connect_timeout=2"

    variables = {"default": {"DATABASE_URL": url}, "owner": {"DATABASE_OWNER_URL": url}}[alias]

    assert "no issues" in THIS.manage("check", "--database", alias, **variables)


def test_url__of_servers_that_cannot_be_written_to__is_refused() -> None:
    read_only = {"PGOPTIONS": "-c default_transaction_read_only=on"}
    url = f"{database_url('default')}{'&' if '?' in database_url('default') else '?'}target_session_attrs=read-write"

    with pytest.raises(AssertionError, match="session is read-only"):
        THIS.manage("worker", DATABASE_URL=url, DATABASE_WAIT_SECONDS="0", **read_only)
