"""Addresses that something listens on, as this machine calls there."""

from __future__ import annotations

_OWN = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, not bound


def from_here(host: str) -> str:
    """Return the host at which this machine finds who listens on `host`.

    Every IPv4 address is not every IPv6 one, nor the other way round: asyncio listens on each kind by itself.
    """
    return _OWN.get(host, host)


def url_from_here(host: str, port: int) -> str:
    """Return the same as the beginning of a web address."""
    own = from_here(host)
    return f"http://[{own}]:{port}" if ":" in own else f"http://{own}:{port}"
