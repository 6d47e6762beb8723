"""Where actions never go, whatever a name resolves to when. The resolver is the test's; the network is real."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from delivery.transport.sending import Answer, Sender
from tests.delivery.receiver import Answer as Reply
from tests.delivery.receiver import receiver

pytestmark = pytest.mark.no_database

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.0.8",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:7f00:1::80ff:fffe",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "fc00::1",
    "fd12:3456:789a::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:0:127.0.0.1",
    "::8.8.8.8",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::192.88.99.1",
    "3fff::1",
    "5f00::1",
    "100::1",
    "4000::1",
    "2002:808:808::1",
    "2001:0:808:808::f7f7:f7f7",
    "2001:2::1",
    "2001:3::1",
    "2001:4:112::1",
    "2001:20::1",
    "2620:4f:8000::1",
    "2606:4700::5efe:10.0.0.1",
    "2606:4700::200:5efe:127.0.0.1",
    "192.88.99.1",
    "192.0.0.192",
    "192.31.196.1",
    "192.52.193.1",
    "192.175.48.1",
    "168.63.129.16",
]


@pytest.fixture
def _production(settings: Any) -> None:
    settings.WEBHOOKS_MAY_USE_LOOPBACK_HTTP = False


@pytest.fixture
def resolves_to(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let every name resolve to these, one after the other; the names that were looked up."""
    asked: list[str] = []

    def set_addresses(*addresses: str) -> list[str]:
        answers = iter(addresses)

        def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
            asked.append(str(host))
            address = next(answers)
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            found = (address, port, 0, 0) if ":" in address else (address, port)
            return [(family, socket.SOCK_STREAM, 6, "", found)]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return set_addresses


def send(*urls: str) -> list[Answer]:
    async def run() -> list[Answer]:
        sender = Sender()
        try:
            return [await sender.send(url=url, headers={"webhook-id": "ea_1"}, body=b"{}") for url in urls]
        finally:
            sender.close()

    return asyncio.run(run())


@pytest.mark.usefixtures("_production")
@pytest.mark.parametrize("address", PRIVATE)
def test_name__that_resolves_to_a_private_address__is_refused(
    resolves_to: Callable[..., list[str]], address: str
) -> None:
    asked = resolves_to(address)

    (answer,) = send("https://hooks.example.com/")

    assert (answer.status, answer.error) == (None, "address_refused")
    assert asked == ["hooks.example.com"]


@pytest.mark.usefixtures("_production")
@pytest.mark.parametrize("address", PRIVATE)
def test_url__with_a_private_address__is_refused(address: str) -> None:
    host = f"[{address}]" if ":" in address else address

    (answer,) = send(f"https://{host}/")

    assert (answer.status, answer.error) == (None, "url_refused")


@pytest.mark.usefixtures("_production")
@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "https://localhost/",
        "https://a@b.example.com/",
        "https://hooks.example.com:22/",
        "https://hooks.example.com../",
        "x:",
    ],
)
def test_url__stored_before_the_rules__is_refused_when_sending(url: str) -> None:
    assert [answer.error for answer in send(url)] == ["url_refused"]


def test_name__rebound_between_two_look_ups__is_refused_the_second_time(
    resolves_to: Callable[..., list[str]],
) -> None:
    """In development loopback stands for the public address, and a metadata service's for the private one."""
    with receiver() as inbox:
        inbox.answer = Reply(headers={"Connection": "close"})
        asked = resolves_to("127.0.0.1", "169.254.169.254")
        url = inbox.url.replace("127.0.0.1", "localhost")
        answers = send(url, url)

    assert [(answer.status, answer.error) for answer in answers] == [(200, ""), (None, "address_refused")]
    assert asked == ["localhost", "localhost"]
    assert len(inbox.received) == 1


def test_connection__goes_to_the_address_that_was_checked__and_host_keeps_the_name(
    resolves_to: Callable[..., list[str]],
) -> None:
    """The name is looked up once: were it asked again when connecting, the second answer would be used."""
    with receiver() as inbox:
        asked = resolves_to("127.0.0.1", "169.254.169.254")
        url = inbox.url.replace("127.0.0.1", "localhost")
        answers = send(url)

    assert [answer.status for answer in answers] == [200]
    assert asked == ["localhost"]
    assert inbox.received[0].headers["host"] == url.removeprefix("http://")


def test_name__that_does_not_resolve__says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    assert [answer.error for answer in send("https://no.example.com/")] == ["dns_failed"]


def test_receiver__over_tls_with_a_certificate_nobody_signed__is_refused(tmp_path: Any) -> None:
    with receiver(tls=tmp_path) as inbox:
        (answer,) = send(inbox.url)

    assert (answer.status, answer.error) == (None, "tls_failed")


@pytest.mark.parametrize("name", ["localhost", "localhost."])
def test_receiver__over_tls__is_asked_for_by_its_name(
    resolves_to: Callable[..., list[str]], tmp_path: Any, name: str
) -> None:
    with receiver(tls=tmp_path) as inbox:
        resolves_to("127.0.0.1")

        async def run() -> Answer:
            sender = Sender(inbox.trust)
            try:
                url = inbox.url.replace("127.0.0.1", name)
                return await sender.send(url=url, headers={}, body=b"{}")
            finally:
                sender.close()

        answer = asyncio.run(run())

    assert (answer.status, inbox.server_names) == (200, ["localhost"])
