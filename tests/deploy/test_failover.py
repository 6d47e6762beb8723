"""Several servers in one URL, as docs/operations.md has it for failover."""

import socket
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conftest import all_in_one_url, database_url
from tests.delivery.worker.processes import wait_for
from tests.deploy.releases import THIS


@pytest.mark.parametrize("alias", ["default", "owner"])
def test_url__that_names_several_servers__reaches_the_one_that_can_be_written_to(alias: str, tmp_path: Path) -> None:
    url = {"default": all_in_one_url(), "owner": database_url("owner")}[alias]
    if "?host=" in url:  # a socket's folder; the first has none
        url = url.replace("?host=", f"?host={quote(str(tmp_path))},")
    else:  # nobody listens on the first one's port
        url = url.replace("@", "@127.0.0.1:1,")
    url += ("&" if "?" in url else "?") + "target_session_attrs=read-write&connect_timeout=2"

    variables = {"default": {"DATABASE_URL": url}, "owner": {"DATABASE_OWNER_URL": url}}[alias]

    assert "no issues" in THIS.manage("check", "--database", alias, **variables)


def test_url__of_servers_that_cannot_be_written_to__is_refused() -> None:
    read_only = {"PGOPTIONS": "-c default_transaction_read_only=on"}
    url = f"{all_in_one_url()}{'&' if '?' in all_in_one_url() else '?'}target_session_attrs=read-write"

    with pytest.raises(AssertionError, match="session is read-only"):
        THIS.manage("worker", DATABASE_URL=url, DATABASE_WAIT_SECONDS="0", **read_only)


def test_health__first_server_of_the_url_silent__is_well_and_stays_so(tmp_path: Path) -> None:
    """As after a failover from a host that lost its network. Connecting past it takes longer than a probe waits."""
    url = all_in_one_url()
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX) as over_a_socket,
        socket.create_server(("127.0.0.1", 0)) as over_tcp,
    ):
        if "?host=" in url:
            over_a_socket.bind(f"{folder}/.s.PGSQL.5432")
            over_a_socket.listen()
            url = url.replace("?host=", f"?host={quote(folder)},")
        else:
            url = url.replace("@", f"@127.0.0.1:{over_tcp.getsockname()[1]},")
        url += ("&" if "?" in url else "?") + "connect_timeout=2"

        with THIS.web(tmp_path / "log", DATABASE_URL=url, WEB_CONCURRENCY="1") as web:
            for _ in range(3):
                time.sleep(1.1)  # what was answered before serves for a second
                wait_for(lambda: "retivo_database_up 1.0" in web.client.get(f"{web.url}/metrics").text)
                assert web.answers()
