"""Where actions may be sent: public https addresses. Checked here when registered, and when connecting again."""

import ipaddress
import re
import socket
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

MAX_LENGTH = 2000

# Names that never mean a host on the public internet.
_PRIVATE_NAMES = ("localhost", "local", "internal", "home.arpa", "intranet", "lan", "corp")

_HOSTNAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*\Z")


class InvalidWebhookURLError(ValueError):
    """`code` is stable; the text is for a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def check(url: str) -> str:
    """The URL itself if actions may be sent there.

    Loopback, over http too, is allowed where `settings.WEBHOOKS_MAY_USE_LOOPBACK_HTTP` says so: in development.

    Raises:
        InvalidWebhookURLError: it is not https, names a user, or leads to an address that is not public.
    """
    if len(url) > MAX_LENGTH or not url.isprintable() or " " in url or "\\" in url:
        raise InvalidWebhookURLError("invalid_url", f"Must be a URL of at most {MAX_LENGTH} characters.")
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidWebhookURLError("invalid_url", "Must be a URL with a valid host and port.") from error
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidWebhookURLError("invalid_url", "Must be an absolute https URL.")
    if "@" in parts.netloc:
        raise InvalidWebhookURLError("userinfo_in_url", "Must not hold a user name or password.")
    _check_host(parts, _ascii(host))
    return url


def _check_host(parts: SplitResult, host: str) -> None:
    name = host.rstrip(".")
    address = _address(name)
    is_loopback = name == "localhost" if address is None else address.is_loopback
    if is_loopback and settings.WEBHOOKS_MAY_USE_LOOPBACK_HTTP:
        return
    if parts.scheme != "https":
        raise InvalidWebhookURLError("https_required", "Must use https.")
    if address is not None:
        if not is_public(address):
            raise InvalidWebhookURLError("private_address", "Must not lead to a private, loopback or reserved address.")
    elif name.rpartition(".")[2] in _PRIVATE_NAMES or name.endswith(_PRIVATE_NAMES[3]) or "." not in name:
        raise InvalidWebhookURLError("private_address", "Must name a host on the public internet.")
    elif not _HOSTNAME.match(name):
        raise InvalidWebhookURLError("invalid_url", "Must have a valid host name.")


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is on the public internet, looking through what an IPv6 address may wrap."""
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if wrapped is None and (address in _NAT64 or (address in _IPV4_COMPATIBLE and int(address) > 1)):
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if wrapped is not None:
            return is_public(wrapped)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not any(address in network for network in _SPECIAL)


# Not every Python 3.11 knows these.
_SPECIAL = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("64:ff9b:1::/48"))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The literal address that `name` is, if it is one; as the resolver reads it: `127.1`, `0x7f.1`, `2130706433`."""
    try:
        return ipaddress.ip_address(name.partition("%")[0])
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
