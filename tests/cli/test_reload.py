"""`bridge reload` before a stand-in for the admin listener; the real one is in tests/e2e/test_reload.py."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from bridge.cli.exits import ExitCode
from tests.cli.conftest import Bridge

ANSWER = {
    "file": "config.yaml",
    "digest": "5f0c1d7a9be2c604",
    "since": "2026-11-23T12:00:00.000Z",
    "problems": [],
    "restart": [],
}


async def _answer(_: web.Request) -> web.Response:
    return web.json_response(ANSWER)


@pytest.fixture
async def reloading(school: Bridge, aiohttp_server: AiohttpServer) -> Bridge:
    """A school whose bridge answers that all is well."""
    app = web.Application()
    app.router.add_get("/api/configuration", _answer)
    server = await aiohttp_server(app)
    config = school.folder / "config.yaml"
    config.write_text(config.read_text().replace("127.0.0.1:8081", f"127.0.0.1:{server.port}"))
    return school


async def test_it_says_since_when_in_the_configured_zone(reloading: Bridge) -> None:
    """As every other command does."""
    said = await asyncio.to_thread(reloading, "reload", "--look")
    assert said.code == ExitCode.OK
    assert said.out == "config.yaml (5f0c1d7a9be2c604) runs since 2026-11-23 09:00:00 -03\n"
