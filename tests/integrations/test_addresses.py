"""Addresses by IANA's registries: each row is refused from its first address to its last, what lies beside is not."""

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest

from integrations.addresses import GLOBAL_IPV6, SPECIAL_IPV4, SPECIAL_IPV6, is_public

pytestmark = pytest.mark.no_database

# https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry, as of 2025-10, with
# multicast and the blocks that registries of address space call reserved.
_IPV4 = """
    0.0.0.0/8 0.0.0.0/32 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.0.0/29
    192.0.0.8/32 192.0.0.9/32 192.0.0.10/32 192.0.0.170/32 192.0.0.171/32 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24
    192.88.99.0/24 192.88.99.2/32 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24
    224.0.0.0/4 240.0.0.0/4 255.255.255.255/32
"""
_IPV6 = """
    ::1/128 ::/128 ::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001::/32 2001:1::1/128 2001:1::2/128
    2001:1::3/128 2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32 2002::/16
    2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8 ::ffff:0:0:0/96
"""
IANA_IPV4, IANA_IPV6 = _IPV4.split(), _IPV6.split()


@pytest.mark.parametrize("row", [*IANA_IPV4, *SPECIAL_IPV4, *IANA_IPV6, *SPECIAL_IPV6])
def test_address__in_a_row_of_a_registry__is_not_public(row: str) -> None:
    network = ip_network(row)
    middle = network[network.num_addresses // 2]

    assert [is_public(each) for each in (network[0], middle, network[-1])] == [False] * 3


@pytest.mark.parametrize("row", [*IANA_IPV4, *SPECIAL_IPV4])
@pytest.mark.parametrize(
    "wrapped_in", ["::ffff:0:0", "64:ff9b::", "::", "2606:4700::5efe:0:0", "2606:4700::200:5efe:0:0"]
)
def test_address__that_wraps_one_of_a_row__is_not_public(row: str, wrapped_in: str) -> None:
    network = IPv4Network(row)

    for each in (network[0], network[-1]):
        assert not is_public(IPv6Address(int(ip_address(wrapped_in)) + int(each)))


@pytest.mark.parametrize("row", [*SPECIAL_IPV4, *SPECIAL_IPV6])
def test_address__beside_a_row__is_public(row: str) -> None:
    network = ip_network(row)
    beside = [int(network[0]) - 1, int(network[-1]) + 1]
    of_its_kind = [type(network[0])(each) for each in beside if 0 <= each < 2**network.max_prefixlen]
    rows = [ip_network(each) for each in (SPECIAL_IPV4 if isinstance(network, IPv4Network) else SPECIAL_IPV6)]
    if isinstance(network, IPv6Network):
        of_its_kind = [each for each in of_its_kind if each in ip_network(GLOBAL_IPV6)]

    for each in of_its_kind:
        assert is_public(each) == (not any(each in other for other in rows))


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "2606:4700::1111",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2606:4700::5efe:8.8.8.8",
    ],
)
def test_address__of_the_internet__is_public(address: str) -> None:
    assert is_public(ip_address(address))
