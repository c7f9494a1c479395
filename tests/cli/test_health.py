"""`bridge health` against real listeners."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from bridge.cli.exits import ExitCode
from tests.cli.conftest import Bridge, Said


async def ask(bridge: Bridge, url: str) -> Said:
    return await asyncio.to_thread(bridge, "health", "--url", url)


@pytest.mark.parametrize(
    ("status", "code"), [(200, ExitCode.OK), (503, ExitCode.PROBLEMS), (302, ExitCode.PROBLEMS)]
)
async def test_health_is_what_the_listener_answers(
    bridge: Bridge, aiohttp_server: AiohttpServer, status: int, code: ExitCode
) -> None:
    """200 is healthy; anything else, a redirect too, is not."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "/"})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    server = await aiohttp_server(app)
    for path in ("/healthz", "", "/"):
        said = await ask(bridge, f"http://127.0.0.1:{server.port}{path}".rstrip("/"))
        assert said.code == code
        assert f"answered {status}" in said.out + said.err
    url = f"http://127.0.0.1:{server.port}/healthz"
    plain = await asyncio.to_thread(bridge, "health", "--url", url, "--json")
    assert plain.code == code
    assert json.loads(plain.out) == {"url": url, "status": status, "healthy": status == 200}


async def test_silence_is_unavailable(bridge: Bridge) -> None:
    """A port where nobody listens, or nobody answers in HTTP, is exit code 4."""

    async def rude(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-x\r\n")
        writer.close()

    async with await asyncio.start_server(rude, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await ask(bridge, f"http://127.0.0.1:{port}/healthz")).code == ExitCode.UNAVAILABLE
    gone = await ask(bridge, f"http://127.0.0.1:{port}/healthz")
    assert gone.code == ExitCode.UNAVAILABLE
    assert gone.err == f"bridge: http://127.0.0.1:{port}/healthz does not answer: Connection refused\n"


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080", "ftp://127.0.0.1/", "http://", "http://[::1", "http://a:b/"]
)
def test_an_address_must_be_one(bridge: Bridge, url: str) -> None:
    said = bridge("health", "--url", url)
    assert said.code == ExitCode.USAGE
    assert "expected one such as http://127.0.0.1:8080/healthz" in said.err
