"""The address that a request came from."""

import ipaddress
from ipaddress import IPv4Address, IPv6Address

from django.conf import settings
from django.http import HttpRequest

Address = IPv4Address | IPv6Address


def client_address(request: HttpRequest) -> Address | None:
    """The address of the client; None where the server has none, as on a Unix socket.

    It is the connection's. Behind `settings.TRUSTED_PROXIES` proxies, each of which adds to `X-Forwarded-For` the
    address that it was called from, it is what the outermost of them added: the client wrote what stands before that.
    """
    hops = [request.META.get("REMOTE_ADDR", ""), *reversed(request.headers.get("X-Forwarded-For", "").split(","))]
    # A request that did not come through all of them has fewer hops.
    added = hops[settings.TRUSTED_PROXIES] if len(hops) > settings.TRUSTED_PROXIES else ""
    return _parsed(added) or _parsed(hops[0])


def _parsed(text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    # As a listener for both versions writes an address of version 4.
    return (isinstance(found, IPv6Address) and found.ipv4_mapped) or found
