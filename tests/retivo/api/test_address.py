"""Whose address a request is from, with and without proxies that may be trusted to say it."""

import subprocess
import sys
from ipaddress import ip_network
from typing import Any

import pytest

from retivo.api.address import client_address
from tests.conftest import REPOSITORY, service_environment

pytestmark = pytest.mark.no_database

NETS = "10.0.0.0/8 192.0.2.1/32 2001:db8:a::/48"


@pytest.mark.parametrize(
    "case",  # trusted networks, X-Forwarded-For, the connection's address, the client's
    [
        ("", None, "192.0.2.1", "192.0.2.1"),
        ("", "203.0.113.9", "192.0.2.1", "192.0.2.1"),  # anybody may send the header
        (NETS, "203.0.113.9", "198.51.100.1", "198.51.100.1"),
        (NETS, None, "192.0.2.1", "192.0.2.1"),
        (NETS, "", "192.0.2.1", "192.0.2.1"),
        (NETS, "203.0.113.9", "192.0.2.1", "203.0.113.9"),
        (NETS, "198.51.100.7, 203.0.113.9", "192.0.2.1", "203.0.113.9"),  # what the client sent stands first
        (NETS, "10.1.1.1, 203.0.113.9", "192.0.2.1", "203.0.113.9"),  # whatever it is
        (NETS, "198.51.100.7,203.0.113.9,10.0.0.2", "192.0.2.1", "203.0.113.9"),
        (NETS, "203.0.113.9, 10.0.0.3 ,10.0.0.2", "10.0.0.1", "203.0.113.9"),
        (NETS, "10.0.0.3, 10.0.0.2", "10.0.0.1", "10.0.0.3"),  # all of them ours
        (NETS, "unknown", "192.0.2.1", "192.0.2.1"),
        (NETS, "203.0.113.9, unknown, 10.0.0.2", "192.0.2.1", "10.0.0.2"),  # the last that is known
        (NETS, "203.0.113.9:4711", "192.0.2.1", "192.0.2.1"),
        (NETS, "203.0.113.9", "::ffff:10.0.0.1", "203.0.113.9"),
        (NETS, "203.0.113.9, ::ffff:10.0.0.2", "10.0.0.1", "203.0.113.9"),
        (NETS, "2001:db8::1", "2001:db8:a::1", "2001:db8::1"),
        (NETS, "fe80::1%eth0", "10.0.0.1", "fe80::1"),
        ("", None, "::ffff:192.0.2.1", "192.0.2.1"),
        ("", None, "", "None"),
        (NETS, "203.0.113.9", "", "None"),
        ("unix", "203.0.113.9", "", "203.0.113.9"),
        ("unix", None, "", "None"),
        ("unix", "203.0.113.9", "192.0.2.1", "192.0.2.1"),
    ],
)
def test_client_address__by_the_trusted_proxies__is_as_expected(
    rf: Any, settings: Any, case: tuple[str, str | None, str, str]
) -> None:
    trusted, forwarded, connection, address = case
    settings.UNIX_SOCKET_IS_TRUSTED = trusted == "unix"
    settings.TRUSTED_PROXIES = [ip_network(text) for text in trusted.split() if text != "unix"]
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}

    assert str(client_address(rf.get("/", headers=headers, REMOTE_ADDR=connection))) == address


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("", "False"),
        (
            "10.0.0.0/8, 127.0.0.1,::1",
            "10.0.0.0/8 127.0.0.1/32 ::1/128 False",
        ),
        ("::ffff:10.0.0.0/104,::ffff:192.0.2.1,::/0", "10.0.0.0/8 192.0.2.1/32 ::/0 False"),
        ("unix", "True"),
        ("1", None),
        ("proxy.example", None),
        ("10.0.0.1/8", None),
    ],
)
def test_setting__a_list_of_networks__is_read_or_stops_the_start(text: str, networks: str | None) -> None:
    program = "from retivo import settings as s; print(*s.TRUSTED_PROXIES, s.UNIX_SOCKET_IS_TRUSTED)"

    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env=service_environment(TRUSTED_PROXIES=text),
        capture_output=True,
        text=True,
        check=False,
    )

    if networks is None:
        assert run.returncode != 0
        assert "TRUSTED_PROXIES lists networks such as" in run.stderr
    else:
        assert run.stdout.strip() == networks
