"""Whose address a request is from, with and without proxies that may be trusted to say it."""

from typing import Any

import pytest

from retivo.api.address import client_address

pytestmark = pytest.mark.no_database


@pytest.mark.parametrize(
    "case",  # trusted proxies, X-Forwarded-For, the connection's address, the client's
    [
        (0, None, "192.0.2.1", "192.0.2.1"),
        (0, "203.0.113.9", "192.0.2.1", "192.0.2.1"),  # anybody may send the header
        (1, "203.0.113.9", "192.0.2.1", "203.0.113.9"),
        (1, "198.51.100.7, 203.0.113.9", "192.0.2.1", "203.0.113.9"),  # what the client sent stands first
        (2, "198.51.100.7, 203.0.113.9", "192.0.2.1", "198.51.100.7"),
        (1, None, "192.0.2.1", "192.0.2.1"),
        (3, "203.0.113.9", "192.0.2.1", "192.0.2.1"),
        (1, "unknown", "192.0.2.1", "192.0.2.1"),
        (1, "203.0.113.9:4711", "192.0.2.1", "192.0.2.1"),
        (0, None, "::ffff:192.0.2.1", "192.0.2.1"),
        (1, "2001:db8::1", "192.0.2.1", "2001:db8::1"),
        (0, None, "", "None"),
    ],
)
def test_client_address__by_the_number_of_trusted_proxies__is_as_expected(
    rf: Any, settings: Any, case: tuple[int, str | None, str, str]
) -> None:
    settings.TRUSTED_PROXIES, forwarded, connection, address = case
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}

    assert str(client_address(rf.get("/", headers=headers, REMOTE_ADDR=connection))) == address
