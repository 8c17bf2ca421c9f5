"""Which addresses may be called: public ones, and those that ``OUTBOUND_ALLOWED_NETWORKS`` names."""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from django.conf import settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA's registry of special-purpose IPv4 addresses (RFC 6890), multicast, and one of a cloud's own.
REFUSED_V4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carriers' NAT; Alibaba's and Tailscale's services
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local; metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved; broadcast
        "168.63.129.16/32",  # Azure's host agent, on a public address
    )
]
# Only this is global unicast (IANA): loopback, link-local, unique local, multicast, IPv4-mapped and
# NAT64 (64:ff9b::/96, RFC 6052) addresses are all outside.
GLOBAL_V6 = IPv6Network("2000::/3")
REFUSED_V6 = [
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments; Teredo
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries an IPv4 address
        "3fff::/20",  # documentation
    )
]


@dataclass(frozen=True)
class Allowed:
    """What an operator allows beyond public addresses."""

    names: frozenset[str]
    networks: tuple[Network, ...]


@lru_cache(maxsize=4)
def _parse(entries: tuple[str, ...]) -> Allowed:
    names, networks = set(), []
    for entry in entries:
        try:
            networks.append(ip_network(entry, strict=False))
        except ValueError:
            names.add(entry.lower())
    return Allowed(frozenset(names), tuple(networks))


def may_call(host: str, address: str) -> bool:
    """Whether ``address`` (a number, as resolved) may be called for ``host`` (as in the URL)."""
    allowed = _parse(tuple(settings.OUTBOUND_ALLOWED_NETWORKS))
    if host.lower().rstrip(".") in allowed.names:
        return True
    number = ip_address(address)
    return _is_public(number) or any(number in network for network in allowed.networks)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in REFUSED_V4)
    return address in GLOBAL_V6 and not any(address in network for network in REFUSED_V6)


def literal(host: str) -> str | None:
    """The address that a URL's host is written as, ``None`` where it is a name."""
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        return None
