"""A listener is found at the address this machine is told of."""

from __future__ import annotations

import asyncio
import socket

import pytest

from bridge.core.addresses import from_here, url_from_here

HOSTS = ["0.0.0.0", "127.0.0.1", *(["::", "::1"] if socket.has_ipv6 else [])]


@pytest.mark.parametrize("host", HOSTS)
async def test_a_listener_is_found_from_here(host: str) -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), host, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection(from_here(host), port)
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("host", "expected"),
    [("::", "http://[::1]:80"), ("localhost", "http://localhost:80"), ("10.0.0.7", "http://10.0.0.7:80")],
)
def test_an_ipv6_address_stands_in_brackets(host: str, expected: str) -> None:
    assert url_from_here(host, 80) == expected
