"""Which addresses of the network may be connected to, decided on the very address of each new connection.

Networks are written out, because what `ipaddress` calls global differs between releases of Python.
Source: the IANA registries of special-purpose IPv4 and IPv6 addresses (RFC 6890).
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]
"""One result of `socket.getaddrinfo`."""
AllowPrivate = bool | tuple[str, ...]
"""Whether a channel may reach private and loopback addresses: always, never, or for these hosts."""


class Blocked(OSError):
    """The address is not one that a channel may connect to.

    The text is always the same, so that several blocked addresses of one name are reported as one.
    """

    def __init__(self) -> None:
        super().__init__("a private, loopback or reserved address")


_PRIVATE_4 = tuple(
    IPv4Network(network)
    for network in (
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by a provider's customers, and by VPNs such as Tailscale
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
    )
)
_NEVER_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # on Linux, 0.0.0.0 is this machine
        "169.254.0.0/16",  # link-local: metadata services of clouds
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_PRIVATE_6 = (IPv6Network("::1/128"), IPv6Network("fc00::/7"))
_GLOBAL_6 = IPv6Network("2000::/3")
"""All that is assigned for general use; whatever lies outside is local, reserved or obsolete."""
_NEVER_6 = (
    IPv6Network("2001::/23"),  # protocols, with Teredo: an IPv4 address in disguise
    IPv6Network("2001:db8::/32"),
    IPv6Network("2002::/16"),  # 6to4: an IPv4 address in disguise
    IPv6Network("3fff::/20"),
)
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")


def may_connect(address: str, *, private: bool) -> bool:
    """Return whether a numeric address may be connected to.

    With `private`, private and loopback addresses too; never link-local, multicast or reserved ones.
    Anything that is no address may not.
    """
    try:
        found = _unwrapped(ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        is_private = any(found in network for network in _PRIVATE_4)
        is_public = not is_private and not any(found in network for network in _NEVER_4)
    else:
        is_private = any(found in network for network in _PRIVATE_6)
        is_public = found in _GLOBAL_6 and not any(found in network for network in _NEVER_6)
    return is_public or (private and is_private)


def is_allowed(host: str, allow: AllowPrivate) -> bool:
    """Return whether a channel may reach `host` even at a private address."""
    return allow if isinstance(allow, bool) else _bare(host) in allow


def normal_hosts(hosts: Collection[str]) -> tuple[str, ...]:
    """Return host names as `is_allowed` compares them."""
    return tuple(_bare(host) for host in hosts)


def guarded_socket(info: AddressInfo, *, private: bool) -> socket.socket:
    """Return a new socket for an address that may be connected to; raise `Blocked` for any other."""
    family, kind, protocol, _, address = info
    if not may_connect(str(address[0]), private=private):
        raise Blocked
    return socket.socket(family, kind, protocol)


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that a mapped or translated IPv6 address leads to, else the address."""
    if isinstance(address, IPv6Address) and (address in _MAPPED or address in _NAT64):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _bare(host: str) -> str:
    return host.lower().strip("[]").rstrip(".")
