"""Where actions may be sent: public https addresses, on few ports. Checked when registered, and when sent again."""

import ipaddress
import re
import socket
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from integrations.addresses import Address, is_public

MAX_LENGTH = 2000

# Names that never mean a host on the public internet.
_PRIVATE_NAMES = ("localhost", "local", "internal", "home.arpa", "intranet", "lan", "corp")

_HOSTNAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*\Z")

# A host whose last label is one is an IPv4 address, or no host: https://url.spec.whatwg.org/#ends-in-a-number-checker
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\Z")


class InvalidWebhookURLError(ValueError):
    """`code` is stable; the text is for a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def check(url: str) -> str:
    """The URL itself if actions may be sent there.

    Loopback, over http too, is allowed where `settings.WEBHOOKS_MAY_USE_LOOPBACK_HTTP` says so: in development.

    Raises:
        InvalidWebhookURLError: it is not https, names a user, or leads to an address that is not public or a port
            that is not allowed.
    """
    if len(url) > MAX_LENGTH or not url.isprintable() or " " in url or "\\" in url:
        raise InvalidWebhookURLError("invalid_url", f"Must be a URL of at most {MAX_LENGTH} characters.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidWebhookURLError("invalid_url", "Must be a URL with a valid host and port.") from error
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidWebhookURLError("invalid_url", "Must be an absolute https URL.")
    if "[" in parts.netloc and ":" not in host:  # an address of a later version than 6, which RFC 3986 provides for
        raise InvalidWebhookURLError("invalid_url", "Must have an IPv6 address between brackets.")
    if "@" in parts.netloc:
        raise InvalidWebhookURLError("userinfo_in_url", "Must not hold a user name or password.")
    _check_host(parts, _ascii(host), 443 if port is None else port)
    return url


def _check_host(parts: SplitResult, host: str, port: int) -> None:
    name = host.removesuffix(".")  # one is the root of all names
    address = _address(name)
    is_loopback = name == "localhost" if address is None else address.is_loopback
    if is_loopback and settings.WEBHOOKS_MAY_USE_LOOPBACK_HTTP:
        return
    if parts.scheme != "https":
        raise InvalidWebhookURLError("https_required", "Must use https.")
    if address is not None:
        if not is_public(address):
            raise InvalidWebhookURLError("private_address", "Must not lead to a private, loopback or reserved address.")
        if "%" in name:
            raise InvalidWebhookURLError("invalid_url", "Must not name a network interface.")
    elif _NUMBER.match(name):
        raise InvalidWebhookURLError("invalid_url", "Must have a host that ends in a name, or is a valid IPv4 address.")
    elif name.rpartition(".")[2] in _PRIVATE_NAMES or name.endswith(_PRIVATE_NAMES[3]) or "." not in name:
        raise InvalidWebhookURLError("private_address", "Must name a host on the public internet.")
    elif not _HOSTNAME.match(name):
        raise InvalidWebhookURLError("invalid_url", "Must have a valid host name.")
    if port not in settings.WEBHOOK_PORTS:
        ports = ", ".join(map(str, settings.WEBHOOK_PORTS))
        raise InvalidWebhookURLError("port_not_allowed", f"Must use one of the ports {ports}; 443 need not be named.")


def _address(name: str) -> Address | None:
    """The literal address that `name` is, if it is one; as the resolver reads it: `127.1`, `0x7f.1`, `2130706433`."""
    try:
        return ipaddress.ip_address(name.partition("%")[0] if ":" in name else name)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(name))
    except OSError:
        return None


def _ascii(host: str) -> str:
    if ":" in host:
        return host
    try:
        return host.encode("idna").decode().lower() if not host.isascii() else host.lower()
    except UnicodeError as error:
        raise InvalidWebhookURLError("invalid_url", "Must have a valid host name.") from error
