"""Which addresses are on the public internet: a table of those that are not, whatever this Python knows of them.

After IANA's registries of special-purpose IPv4 and IPv6 addresses. A webhook's receiver is in none of their rows, those
included that may be reached from elsewhere: they are relays and anycast services.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

SPECIAL_IPV4 = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private use",
    "100.64.0.0/10": "shared by a provider's customers",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "Azure's platform, as its virtual machines see it",
    "169.254.0.0/16": "link-local, clouds' metadata",
    "172.16.0.0/12": "private use",
    "192.0.0.0/24": "IETF protocol assignments",
    "192.0.2.0/24": "documentation",
    "192.31.196.0/24": "AS112",
    "192.52.193.0/24": "AMT",
    "192.88.99.0/24": "6to4 relays, deprecated",
    "192.168.0.0/16": "private use",
    "192.175.48.0/24": "AS112",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved, broadcast",
}

# Of global unicast. All that is outside of it is special: loopback, mapped, discard, segment routing, local, multicast.
GLOBAL_IPV6 = "2000::/3"
SPECIAL_IPV6 = {
    "2001::/23": "IETF protocol assignments: Teredo, benchmarking, AMT, AS112, ORCHID, drone identifiers",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4, deprecated",
    "2620:4f:8000::/48": "AS112",
    "3fff::/20": "documentation",
}

# An IPv4 address in the last 32 bits, to which the operating system, or a gateway, leads.
WRAPS_IPV4 = {"::ffff:0:0/96": "mapped", "64:ff9b::/96": "NAT64"}

_SPECIAL_IPV4 = [IPv4Network(row) for row in SPECIAL_IPV4]
_SPECIAL_IPV6 = [IPv6Network(row) for row in SPECIAL_IPV6]
_WRAPS_IPV4 = [IPv6Network(row) for row in WRAPS_IPV4]
_GLOBAL_IPV6 = IPv6Network(GLOBAL_IPV6)
# An interface's identifier that holds an IPv4 address: what the prefix leads to may send on to it.
_ISATAP = (0x00005EFE, 0x02005EFE)


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet, looking through what an IPv6 address may wrap."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_IPV4)
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    if any(address in network for network in _WRAPS_IPV4):
        return is_public(last)
    if address not in _GLOBAL_IPV6 or any(address in network for network in _SPECIAL_IPV6):
        return False
    return int(address) >> 32 & 0xFFFFFFFF not in _ISATAP or is_public(last)
