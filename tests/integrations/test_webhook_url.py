"""What is a host: as WHATWG's URL standard says, whatever this Python's `urlsplit` and the resolver make of it."""

from typing import Any

import pytest

from integrations import webhook_url

pytestmark = pytest.mark.no_database

REFUSED = [
    # No version of IP addresses that there is.
    ("[v1.a]", "invalid_url"),
    ("[vF.10.0.0.1]", "invalid_url"),
    ("[1.1.1.1]", "invalid_url"),
    ("[a.example]", "invalid_url"),
    ("[]", "invalid_url"),
    # The last label is a number, and it is no IPv4 address.
    ("256.1.1.1", "invalid_url"),
    ("1.1.1.256", "invalid_url"),
    ("1.1.1.1.1", "invalid_url"),
    ("1.1.65536", "invalid_url"),
    ("4294967296", "invalid_url"),
    ("1.1.1.08", "invalid_url"),
    ("a.1", "invalid_url"),
    ("a.1.", "invalid_url"),
    ("a.example.0x7f", "invalid_url"),
    ("a.example.0X7F", "invalid_url"),
    ("a.example.0x", "invalid_url"),
    ("1..1", "invalid_url"),
    ("256.1.1.1.", "invalid_url"),
    ("1.1.1.1..", "invalid_url"),
    # Digits and dots of other scripts are those of ASCII.
    ("a.\uff11", "invalid_url"),
    ("a\u30021", "invalid_url"),
    ("\uff12\uff15\uff16.1.1.1", "invalid_url"),
    ("\uff11\uff10.0.0.1", "private_address"),
    ("127\u30020.0.1", "private_address"),
    # An address, in one of the ways in which the resolver reads one.
    ("0x7f.1", "private_address"),
    ("0177.0.0.1", "private_address"),
    ("2130706433", "private_address"),
    ("127.1.", "private_address"),
    # Nothing decodes a host.
    ("%31.1.1.1", "invalid_url"),
    ("%61.example", "invalid_url"),
    ("a.b%2eexample", "invalid_url"),
    ("127.0.0.1%00.example", "invalid_url"),
    # No names.
    ("a..example", "invalid_url"),
    ("-a.example", "invalid_url"),
    ("a.xn--", "invalid_url"),
    (f"{'a' * 64}.example", "invalid_url"),
]
TAKEN = [
    "1.1.1.1",
    "1.1.1.1.",
    "1.2.3",
    "0x8.0x8.0x8.0x8",
    "134744072",
    "[2606:4700::1111]",
    "1.example",
    "1.1.1.1.example",
    "a.1x",
    "a.0xg",
    "a.example.",
    "b\u00fccher.example",
    "xn--bcher-kva.example",
]


@pytest.fixture(autouse=True)
def _production(settings: Any) -> None:
    settings.WEBHOOKS_MAY_USE_LOOPBACK_HTTP = False


@pytest.mark.parametrize(("host", "code"), REFUSED)
@pytest.mark.parametrize("port", ["", ":443"])
def test_host__that_is_none_or_not_public__is_refused(host: str, code: str, port: str) -> None:
    with pytest.raises(webhook_url.InvalidWebhookURLError) as refused:
        webhook_url.check(f"https://{host}{port}/hook")

    assert refused.value.code == code


@pytest.mark.parametrize("host", TAKEN)
def test_host__that_is_one__is_taken_as_it_is(host: str) -> None:
    assert webhook_url.check(f"https://{host}/hook") == f"https://{host}/hook"
