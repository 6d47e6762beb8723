"""The address that a request came from."""

import ipaddress
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address


def client_address(request: HttpRequest) -> Address | None:
    """The address of the client; None where it is not known, as on a Unix socket.

    It is the connection's. If that is one of `settings.TRUSTED_PROXIES`, which adds to `X-Forwarded-For` the address
    that it was called from, it is the last of these that is not a trusted proxy's: the client wrote what stands before.
    """
    peer: str = request.META.get("REMOTE_ADDR", "")
    address = _parsed(peer)
    if not (settings.UNIX_SOCKET_IS_TRUSTED if peer == "" else _is_trusted(address)):
        return address
    for hop in reversed(request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        found = _parsed(hop)
        if found is None:
            break
        address = found
        if not _is_trusted(address):
            break
    return address


def client_network(request: HttpRequest) -> str | None:
    """Whose requests count together: an address; of version 6 its first 64 bits, which one subscriber has alone."""
    address = client_address(request)
    if isinstance(address, IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return None if address is None else str(address)


def _is_trusted(address: Address | None) -> bool:
    return address is not None and any(address in network for network in settings.TRUSTED_PROXIES)


@lru_cache(4096)
def _parsed(text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        # As a listener for both versions writes an address of version 4; and a zone is of its host alone.
        return found.ipv4_mapped or IPv6Address(int(found))
    return found
