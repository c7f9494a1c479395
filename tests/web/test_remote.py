"""Which address a caller is known by."""

from __future__ import annotations

import ipaddress
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from bridge.web.remote import caller

INNER = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")]


def _request(peer: Any, *forwarded: str) -> web.Request:
    transport = Mock()
    transport.get_extra_info = {"peername": peer}.get
    headers = [("X-Forwarded-For", line) for line in forwarded]
    return make_mocked_request("GET", "/", headers=_multi(headers), transport=transport)


def _multi(headers: list[tuple[str, str]]) -> Any:
    from multidict import CIMultiDict

    return CIMultiDict(headers)


@pytest.mark.parametrize(
    ("peer", "forwarded", "known_as"),
    [
        (("203.0.113.9", 5), (), "203.0.113.9"),
        (("::ffff:203.0.113.9", 5, 0, 0), (), "203.0.113.9"),
        (("2001:db8:1:2:3:4:5:6", 5, 0, 0), (), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 5, 0, 2), (), "fe80::/64"),
        ("", (), "local"),
        (("203.0.113.9", 5), ("198.51.100.1",), "203.0.113.9"),
        (("10.0.0.1", 5), ("198.51.100.1",), "198.51.100.1"),
        (("10.0.0.1", 5), ("6.6.6.6, 198.51.100.1",), "198.51.100.1"),
        (("10.0.0.1", 5), ("6.6.6.6", "198.51.100.1, 10.2.2.2"), "198.51.100.1"),
        (("10.0.0.1", 5), ("198.51.100.1, nonsense",), "10.0.0.1"),
        (("10.0.0.1", 5), (), "10.0.0.1"),
        (("10.0.0.1", 5), ("10.9.9.9",), "10.0.0.1"),
        (("fd00::1", 5, 0, 0), ("198.51.100.1",), "198.51.100.1"),
    ],
)
def test_a_caller_is_its_connection_or_what_a_known_proxy_saw(
    peer: Any, forwarded: tuple[str, ...], known_as: str
) -> None:
    """Only a configured proxy is believed, and only the right end of what it passes on."""
    assert caller(_request(peer, *forwarded), INNER) == known_as
