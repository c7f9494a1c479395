"""Bodies that are still on their way take a bounded amount of memory, whoever sends them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from bridge.web.limits import Limits
from bridge.web.listener import Listener
from tests.support.clock import FakeClock
from tests.web.fakes import LOOPBACK, FakeIngest, RecordingLog, connection, patiently, statuses

Serve = Callable[..., Awaitable[Listener]]
HEAD = b"POST /hooks/eduzz HTTP/1.1\r\nHost: x\r\nx-signature: good\r\nContent-Type: application/json\r\n"
LARGE = HEAD + b"Content-Length: 1000\r\n\r\n" + b" " * 900
LIMITS = Limits(unfinished_bytes=3000, lingering_s=0.05)


async def test_of_too_many_unfinished_bodies_the_first_is_told_to_come_back(
    serve: Serve, ingest: FakeIngest, clock: FakeClock, log: RecordingLog
) -> None:
    """Beyond the room, the body begun longest ago is answered 503 with Retry-After; the others go on."""
    listener = await serve(LIMITS)
    async with AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(connection(listener.port)) for _ in range(5)]
        for _, writer in slow:
            writer.write(LARGE)
            await asyncio.sleep(0)
        told = [await patiently(reader.read()) for reader, _ in slow[:2]]
        assert [statuses(answer) for answer in told] == [[503], [503]]
        assert all(b"Retry-After: 10" in answer for answer in told)
        for reader, writer in slow[2:]:
            writer.write(b" " * 100)
            assert statuses(await patiently(reader.readuntil(b"}"))) == [200]
    assert [len(taken.body) for taken in ingest.taken] == [1000] * 3
    assert [(event, fields["times"]) for _, event, fields in log.lines] == [("requests turned away", 1)]


async def test_slow_bodies_cost_a_usual_sender_nothing(serve: Serve, ingest: FakeIngest) -> None:
    """While the room is full of slow bodies, one that comes in pieces without delay is taken."""
    listener = await serve(LIMITS)
    async with AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(connection(listener.port)) for _ in range(9)]
        for _, writer in slow:
            writer.write(LARGE)
        for size in (2, 1000, 2900):
            reader, writer = await stack.enter_async_context(connection(listener.port))
            writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % size)
            await writer.drain()
            writer.write(b" " * size)
            assert statuses(await patiently(reader.readuntil(b"}"))) == [200]
    assert [len(taken.body) for taken in ingest.taken] == [2, 1000, 2900]


async def test_a_body_that_comes_with_its_head_never_gives_way(serve: Serve, ingest: FakeIngest) -> None:
    """A small whole request needs no room, even if there is none at all."""
    listener = await serve(Limits(unfinished_bytes=0))
    async with connection(listener.port) as (reader, writer):
        writer.write(HEAD + b"Content-Length: 5000\r\n\r\n" + b" " * 5000)
        assert statuses(await patiently(reader.readuntil(b"}"))) == [200]


async def test_room_is_given_back(serve: Serve, ingest: FakeIngest) -> None:
    """Bodies that ended, well or not, take no room any more."""
    listener = await serve(LIMITS)
    for _ in range(8):
        async with connection(listener.port) as (_, writer):
            writer.write(LARGE)
            await writer.drain()
        async with connection(listener.port) as (reader, writer):
            writer.write(LARGE)
            await writer.drain()
            writer.write(b" " * 100)
            assert statuses(await patiently(reader.readuntil(b"}"))) == [200]
    assert len(ingest.taken) == 8


async def test_a_sender_that_goes_before_its_turn_is_no_mistake_of_ours(
    serve: Serve, ingest: FakeIngest, log: RecordingLog
) -> None:
    """In whichever turn of the event loop the end comes, while the request before is answered."""
    listener = await serve()
    for turns in range(6):
        ingest.gate.clear()
        ingest.taken.clear()
        with socket.create_connection((LOOPBACK, listener.port)) as client:
            client.sendall(HEAD.replace(b"eduzz", b"eduzz?a=1") + b"Content-Length: 2\r\n\r\n{}" + LARGE)
            while not ingest.taken:  # noqa: ASYNC110 - the fake tells nobody
                await asyncio.sleep(0)
            ingest.gate.set()
            for _ in range(turns):
                await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
    assert log.levels() <= {"info", "debug"}, log.lines


async def test_no_body_is_waited_for_once_the_listener_closes(serve: Serve) -> None:
    """In whichever turn of the event loop that is: nothing more is read, so the rest would never come."""
    loop = asyncio.get_running_loop()
    for turns in range(12):
        listener = await serve(LIMITS)
        with socket.create_connection((LOOPBACK, listener.port)) as client:
            client.sendall(LARGE)
            for _ in range(turns):
                await asyncio.sleep(0)
            began = loop.time()
            await listener.close()
            assert loop.time() - began < 0.5, turns  # of the grace, which is a second
