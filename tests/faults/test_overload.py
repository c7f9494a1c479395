"""Receiving comes first: whatever else goes on, a sender is answered, and what was answered 200 is kept.

`BRIDGE_FAULT_SIZE` makes everything larger; 10 is 10,000 queued deliveries beside 2,000 idle connections.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp

from bridge.config.load import Loaded, load
from bridge.store import views
from bridge.store.database import Database
from tests.faults.crashes import configuration, event, post, set_up
from tests.support.destinations import Destination, destination
from tests.support.life import Life
from tests.support.pipeline import (
    Pipeline,
    ScriptedChannel,
    action,
    channels,
    completion,
    database_url,
    rule,
)

SIZE = int(os.environ.get("BRIDGE_FAULT_SIZE", "1"))
PATIENCE_S = 50
ANSWER_S = 10
"""How long a platform waits for an answer at least."""
MEMORY_MIB = 200
"""How much a flood may add to the process: 64 MiB of unfinished bodies, and what connections cost."""


async def test_a_full_queue_is_told_at_once_and_nothing_taken_is_lost(tmp_path: Path) -> None:
    """While the store stands still, only so many requests wait in memory; the others are answered 503."""
    database = await Database.open(database_url(tmp_path), busy_timeout=timedelta(minutes=1), queue_limit=50)
    wins = ScriptedChannel("wins")
    bridge = Pipeline(database, [rule("r", action("r", "wins"))], channels(wins))
    other = sqlite3.connect(tmp_path / "bridge.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = [asyncio.create_task(bridge.receive(completion(f"e{number}"))) for number in range(500)]
    taken, done = set(waiting), set[asyncio.Task[list[int]]]()
    async with asyncio.timeout(PATIENCE_S):
        while len(taken) > 50:
            told, taken = await asyncio.wait(taken, return_when=asyncio.FIRST_COMPLETED)
            done |= told
    assert {task.result()[0] for task in done} == {503}
    other.close()
    assert {(await task)[0] for task in taken} == {200}
    await bridge.engine.drain()
    assert len(wins.texts) == len(set(wins.texts)) == len(taken) > 0
    await database.close()


async def test_large_events_wait_in_bounded_memory(tmp_path: Path) -> None:
    """While the store stands still, 64 MiB of them wait; the others are told 503, small ones are not."""
    database = await Database.open(database_url(tmp_path), busy_timeout=timedelta(minutes=1))
    bridge = Pipeline(database, [], {})
    other = sqlite3.connect(tmp_path / "bridge.db", isolation_level=None)
    large = [f"{number:02}".encode() + b" " * (1024 * 1024 - 2) for number in range(70)]
    for _ in range(2):  # what was stored makes room
        other.execute("BEGIN IMMEDIATE")
        waiting = [asyncio.create_task(bridge.receive(body)) for body in large]
        small = asyncio.create_task(bridge.receive(completion()))
        async with asyncio.timeout(PATIENCE_S):
            told: set[asyncio.Task[list[int]]] = set()
            while len(told) < len(large) - 64:
                told |= (await asyncio.wait(waiting, timeout=0.01))[0]
        assert [task.result() for task in told] == [[503]] * 6
        other.execute("ROLLBACK")
        assert [await task for task in waiting if task not in told] == [[200]] * 64
        assert await small == [200]
    other.close()
    await database.close()


async def test_a_stop_under_load_keeps_what_was_answered(tmp_path: Path) -> None:
    """SIGTERM while requests come in and messages go out: all that was answered 200 arrives, and once."""
    async with destination("webhook") as target, session() as http:
        set_up(tmp_path, configuration(target, target.port, database_url(tmp_path), rules=["each"]))
        life = Life(tmp_path)
        assert await life.start(), life.log()
        accepted: list[int] = []

        async def sender(first: int) -> None:
            number = first
            while await post(http, life.url, event(number)) == 200:
                accepted.append(number)
                number += 8

        senders = [asyncio.create_task(sender(first)) for first in range(8)]
        while len(accepted) < 100 * SIZE:  # noqa: ASYNC110 - senders tell nobody
            await asyncio.sleep(0.001)
        assert await life.stop() == 0, life.log()
        await asyncio.gather(*senders)
        assert await life.start(), life.log()
        await arrived(target, {f"each e{number}" for number in accepted})
        assert await life.stop() == 0, life.log()
        texts = [each.text for each in target.arrived()]
        assert len(texts) == len(set(texts))


async def test_a_backlog_delays_no_start_and_no_sender(tmp_path: Path) -> None:
    """With many deliveries queued at the start, senders are answered while all of them go out, once."""
    queued, new = 1000 * SIZE, 100
    async with destination("webhook") as target, session() as http:
        set_up(tmp_path, configuration(target, target.port, database_url(tmp_path), rules=["each"]))
        empty = await listening_after(life := Life(tmp_path))
        assert await life.stop() == 0
        await queue_up(tmp_path, queued)
        full = await listening_after(life := Life(tmp_path))
        took = await answers(http, life, range(queued, queued + new))
        before = len(target.arrived())
        await arrived(target, {f"each e{number}" for number in range(queued + new)})
        assert await life.stop() == 0, life.log()
        texts = [each.text for each in target.arrived()]
        assert len(texts) == len(set(texts))
    print(
        f"listening after {empty:.2f} s, with {queued} queued after {full:.2f} s; "
        f"{new} answers beside {before} deliveries: {spread(took)}"
    )


async def test_a_flood_of_bad_senders_hinders_no_good_one(tmp_path: Path) -> None:
    """Idle connections, heads and bodies that drip, bodies without end: usual requests are answered 200."""
    async with destination("webhook") as target, session() as http:
        set_up(tmp_path, configuration(target, target.port, database_url(tmp_path), rules=["each"]))
        life = Life(tmp_path)
        assert await life.start(), life.log()
        before = memory_mib(life)
        port = int(life.url.rpartition(":")[2])
        async with flood(port, idle=200 * SIZE, others=10 * SIZE):
            took = await answers(http, life, range(100))
            grown = memory_mib(life) - before
        await arrived(target, {f"each e{number}" for number in range(100)})
        assert await life.stop() == 0, life.log()
        assert grown < MEMORY_MIB
    print(f"{200 * SIZE} idle, {30 * SIZE} others, {grown:.0f} MiB more: {spread(took)}")


async def listening_after(life: Life) -> float:
    began = time.monotonic()
    assert await life.start(), life.log()
    return time.monotonic() - began


async def queue_up(folder: Path, count: int) -> None:
    """Leave so many deliveries behind, as a bridge that could not deliver would."""
    loaded = load(folder / "config.yaml", os.environ)
    assert isinstance(loaded, Loaded)
    database = await Database.open(database_url(folder))
    bridge = Pipeline(database, loaded.rules, {})
    for first in range(0, count, 500):
        await asyncio.gather(*(bridge.receive(event(number)) for number in range(first, first + 500)))
        await bridge.engine.drain()
    counted = await database.read(views.count_deliveries)
    assert sum(counted["out"].values()) == count
    await database.close()


async def answers(http: aiohttp.ClientSession, life: Life, numbers: range) -> list[float]:
    """Post events from four senders, all answered 200 in time; return how long each took, in seconds."""
    took: list[float] = []

    async def sender(mine: range) -> None:
        for number in mine:
            began = time.monotonic()
            async with asyncio.timeout(ANSWER_S):
                assert await post(http, life.url, event(number)) == 200
            took.append(time.monotonic() - began)

    await asyncio.gather(*(sender(numbers[first::4]) for first in range(4)))
    return took


@asynccontextmanager
async def flood(port: int, *, idle: int, others: int) -> AsyncIterator[None]:
    """Hold connections that say nothing, and send heads by drips, bodies by drips, and bodies without end."""
    head = b"POST /hooks/eduzz HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    kinds = [
        (head, b"x-more: yes\r\n", 0.05),
        (head + b"Content-Length: 1000000\r\n\r\n", b" ", 0.05),
        (head + b"Transfer-Encoding: chunked\r\n\r\n", b"2000\r\n" + b" " * 8192 + b"\r\n", 0.001),
    ]
    async with AsyncExitStack() as stack:
        for _ in range(idle):
            await stack.enter_async_context(connection(port))
        senders = [asyncio.create_task(bad_sender(port, *kind)) for kind in kinds for _ in range(others)]
        try:
            yield
        finally:
            for sender in senders:
                sender.cancel()
            await asyncio.gather(*senders, return_exceptions=True)


async def bad_sender(port: int, first: bytes, then: bytes, every_s: float) -> None:
    """Send for ever, over a new connection whenever one is closed."""
    while True:
        async with connection(port) as writer:
            try:
                writer.write(first)
                while True:
                    writer.write(then)
                    await writer.drain()
                    await asyncio.sleep(every_s)
            except ConnectionError:
                continue


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[asyncio.StreamWriter]:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield writer
    finally:
        writer.transport.abort()


@asynccontextmanager
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as made:
        yield made


def memory_mib(life: Life) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{life.pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def spread(took: list[float]) -> str:
    ordered = sorted(took)
    median, last = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return f"median {median * 1000:.0f} ms, 99 % below {last * 1000:.0f} ms"


async def arrived(target: Destination, texts: set[str]) -> None:
    """Wait until all of these have arrived."""
    async with asyncio.timeout(PATIENCE_S * SIZE):
        while not texts <= {each.text for each in target.arrived()}:  # noqa: ASYNC110 - a server tells nobody
            await asyncio.sleep(0.05 * SIZE)
