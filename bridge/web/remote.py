"""Who is calling: the address a refusal is counted against."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from aiohttp import web

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_SITE = 64
"""Bits of an IPv6 address that tell one customer from another (RFC 6177); the rest they choose freely."""


def caller(request: web.BaseRequest, proxies: Sequence[Network] = ()) -> str:
    """Return the caller's address, an IPv6 one cut to its /64.

    That is the other end of the connection. `X-Forwarded-For` is read only when that end is one of `proxies`,
    and from the right, because everything further left was written by the caller.
    """
    peer = _read(request.remote or "")
    if peer is None:
        return "local"
    if _within(peer, proxies):
        peer = _behind(request.headers.getall("X-Forwarded-For", ()), proxies) or peer
    return _site(peer)


def _behind(forwarded: Iterable[str], proxies: Sequence[Network]) -> _Address | None:
    hops = [hop for line in forwarded for hop in line.split(",")]
    for hop in reversed(hops):
        address = _read(hop)
        if address is None or not _within(address, proxies):
            return address
    return None


def _read(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _within(address: _Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _site(address: _Address) -> str:
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, _SITE), strict=False))
