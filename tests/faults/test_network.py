"""Whatever the network does to a destination: the message arrives, and again only under the same id."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.bootstrap import build_channels
from bridge.channels.http import Shared
from bridge.config.load import Loaded, load
from bridge.core.outcomes import State
from bridge.store import views
from bridge.store.database import Database
from bridge.store.views import DeliveryFilter, DeliveryRow
from tests.faults.crashes import configuration, set_up
from tests.support.clock import FakeClock
from tests.support.destinations import KINDS, Destination, destination
from tests.support.pipeline import Pipeline, completion
from tests.support.proxy import BlackHole, Drip, Mode, Pass, Proxy, Refuse, Reset, Stall

NO_HANG_S = 10
HTTP = ("webhook", "slack")
MAIL = ("email",)
ANSWER_LOST = Reset(down=0, after=b"\r\n.\r\n")
"""The server has the whole message, and its 250 does not arrive."""

TROUBLE = [
    pytest.param(KINDS, Refuse(), "connection", 1, id="refused"),
    pytest.param(KINDS, Reset(up=0), "connection", 1, id="reset at the first byte"),
    pytest.param(KINDS, Reset(up=40), "connection", 1, id="reset in the request"),
    pytest.param(HTTP, Reset(down=0), "connection", 2, id="reset before the answer"),
    pytest.param(HTTP, Reset(down=9), "connection", 2, id="reset in the status line"),
    pytest.param(MAIL, Reset(down=0), "connection", 1, id="reset before the greeting"),
    pytest.param(MAIL, Reset(up=20, after=b"DATA\r\n"), "connection", 1, id="reset in the message"),
    pytest.param(MAIL, ANSWER_LOST, "connection", 2, id="reset between the final dot and the 250"),
    pytest.param(KINDS, BlackHole(), "timeout", 1, id="black hole"),
    pytest.param(KINDS, Drip(1, 0.1), "timeout", 1, id="drips too slowly"),
    pytest.param(KINDS, Drip(100, 0.001), None, 1, id="drips"),
]


@pytest.mark.parametrize(("kinds", "mode", "reason", "arrivals"), TROUBLE)
async def test_the_message_arrives_after_the_trouble(
    kinds: tuple[str, ...], mode: Mode, reason: str | None, arrivals: int, tmp_path: Path
) -> None:
    """The attempt ends in time and says why, the next one delivers, and a repetition has the same id."""

    async def tried(kind: str) -> None:
        async with behind_proxy(kind, tmp_path / kind) as (bridge, target, proxy):
            await proxy.set(mode)
            first = await attempted(bridge)
            assert (first.state, first.last_reason) == (
                State.DELIVERED if reason is None else State.PENDING,
                reason,
            )
            await proxy.set(Pass())
            assert (await delivered(bridge)).attempts == (1 if reason is None else 2)
            check(target, arrivals)

    async with asyncio.TaskGroup() as group:
        for kind in kinds:
            group.create_task(tried(kind))


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_stall_held_back_may_arrive_late(kind: str, tmp_path: Path) -> None:
    """A request that was longer on its way than the attempt is the same message as the next one."""
    async with behind_proxy(kind, tmp_path) as (bridge, target, proxy):
        await proxy.set(Stall())
        assert (await attempted(bridge)).last_reason == "timeout"
        await proxy.set(Pass())
        await delivered(bridge)
        check(target, len(target.arrived()))
        assert len(target.arrived()) in (1, 2)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_kept_connection_that_died_costs_no_message(kind: str, tmp_path: Path) -> None:
    """Reset while it lay idle: the next message goes out once, over a new connection."""
    async with behind_proxy(kind, tmp_path) as (bridge, target, proxy):
        await attempted(bridge)
        proxy.cut()
        await bridge.run(completion("e2"))
        await delivered(bridge)
        check(target, 2, messages=2)


async def test_the_proxy_itself_bears_a_connection_that_its_client_has_reset() -> None:
    """One that still drips towards a client that is gone is cut like any other."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(1) * 100)
        await reader.read()
        writer.close()

    async with (
        await asyncio.start_server(answer, "127.0.0.1", 0) as server,
        Proxy(server.sockets[0].getsockname()[1]) as proxy,
    ):
        await proxy.set(Drip(1, NO_HANG_S))
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"x")
        await reader.readexactly(1)
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        writer.transport.abort()
        for _ in range(100):
            await asyncio.sleep(0)
        proxy.cut()


@asynccontextmanager
async def behind_proxy(kind: str, folder: Path) -> AsyncIterator[tuple[Pipeline, Destination, Proxy]]:
    """Yield a bridge whose one channel leads through a proxy, with the real channel and the real store."""
    async with destination(kind) as target, Proxy(target.port) as proxy:
        store = f"sqlite:///{folder / 'bridge.db'}"
        set_up(folder, configuration(target, proxy.port, store, rules=["each"], timeout="1s"))
        loaded = load(folder / "config.yaml", os.environ)
        assert isinstance(loaded, Loaded), loaded.problems
        database, shared = await Database.open(store), Shared(FakeClock(), "course-bridge/test")
        built: Any = build_channels(loaded, shared)
        bridge = Pipeline(database, loaded.rules, built)
        try:
            yield bridge, target, proxy
        finally:
            await bridge.engine.stop(1)
            await shared.close()
            await database.close()


async def attempted(bridge: Pipeline) -> DeliveryRow:
    """Post an event, do what is due, and return its delivery."""
    async with asyncio.timeout(NO_HANG_S):
        assert await bridge.receive(completion("e1")) == [200]
        await bridge.engine.drain()
    (row,) = await rows(bridge)
    return row


async def delivered(bridge: Pipeline) -> DeliveryRow:
    """Let time pass until everything is delivered, and return the last delivery."""
    async with asyncio.timeout(NO_HANG_S):
        while any(row.state is not State.DELIVERED for row in await rows(bridge)):
            bridge.clock.advance(minutes=1)
            await bridge.engine.drain()
    return (await rows(bridge))[0]


async def rows(bridge: Pipeline) -> list[DeliveryRow]:
    return await bridge.database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))


def check(target: Destination, arrivals: int, messages: int = 1) -> None:
    """Check how often messages arrived, and that repetitions are the same message under the same id."""
    arrived = target.arrived()
    assert len(arrived) == arrivals
    assert len({each.text for each in arrived}) == messages
    assert len(set(arrived)) == messages
