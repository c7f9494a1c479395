"""However many connections there are and however long they wait, new senders are answered."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager

import pytest

from bridge.web.limits import MOST_CONNECTIONS, RESERVED_FILES, Limits, share_of
from bridge.web.listener import Listener
from bridge.web.seldom import Seldom
from tests.support.clock import FakeClock
from tests.web.fakes import (
    LOOPBACK,
    SILENCE_S,
    FakeIngest,
    RecordingLog,
    connection,
    converse,
    in_its_time,
    patiently,
    statuses,
)

Serve = Callable[..., Awaitable[Listener]]
GET = b"GET /hooks/eduzz HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"POST /hooks/eduzz HTTP/1.1\r\nHost: x\r\nx-signature: good\r\nContent-Type: application/json\r\n"
FULL = "connections closed for new ones"


async def test_of_too_many_connections_the_one_that_waits_longest_is_closed(
    serve: Serve, log: RecordingLog
) -> None:
    """A new sender gets in; who was answered lately stays, and who never asked goes first."""
    listener = await serve(Limits(connections=3))
    async with AsyncExitStack() as stack:
        lately, silent, other = [await stack.enter_async_context(connection(listener.port)) for _ in range(3)]
        for reader, writer in (other, lately):
            writer.write(GET)
            assert statuses(await patiently(reader.readuntil(b"}"))) == [200]
        assert statuses(await converse(listener.port, GET, answers=1)) == [200]
        assert await in_its_time(silent[0].read()) == b""
        lately[1].write(GET)
        assert statuses(await patiently(lately[0].readuntil(b"}"))) == [200]
    assert [fields for _, event, fields in log.lines if event == FULL] == [{"times": 1, "most": 3}]


async def test_idle_connections_keep_nobody_out(serve: Serve, log: RecordingLog) -> None:
    """With many times the allowed number of silent connections, each new request is answered."""
    listener = await serve(Limits(connections=4))
    async with AsyncExitStack() as stack:
        for _ in range(40):
            await stack.enter_async_context(connection(listener.port))
        assert statuses(await converse(listener.port, GET, answers=1)) == [200]
    assert len([event for _, event, _ in log.lines if event == FULL]) == 1


async def test_a_request_that_is_being_stored_is_never_closed_for_another(
    serve: Serve, ingest: FakeIngest
) -> None:
    """When every connection is at work, the new one is closed and the others get their answers."""
    listener = await serve(Limits(connections=2))
    ingest.gate.clear()
    async with connection(listener.port) as one, connection(listener.port) as two:
        for _, writer in (one, two):
            writer.write(HEAD + b"Content-Length: 2\r\n\r\n{}")
        while len(ingest.taken) < 2:  # noqa: ASYNC110 - the fake tells nobody
            await asyncio.sleep(0)
        assert statuses(await converse(listener.port, GET)) == []
        ingest.gate.set()
        for reader, _ in (one, two):
            assert statuses(await patiently(reader.readuntil(b"}"))) == [200]


async def test_a_body_that_does_not_come_gives_way_too(serve: Serve, ingest: FakeIngest) -> None:
    """Connections that wait for the rest of a body keep nobody out."""
    listener = await serve(Limits(connections=2))
    async with connection(listener.port) as one, connection(listener.port) as two:
        for _, writer in (one, two):
            writer.write(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        for reader, _ in (one, two):
            assert statuses(await patiently(reader.readuntil(b"\r\n\r\n"))) == [100]
        assert statuses(await converse(listener.port, GET, answers=1)) == [200]
        two[1].write(b"{}")
        assert statuses(await patiently(two[0].readuntil(b"}"))) == [200]


async def test_who_never_sends_a_head_is_closed_sooner_than_who_was_answered(serve: Serve) -> None:
    """The time for the first head ends a silent connection and leaves a kept one alone."""
    listener = await serve(Limits(head_s=15, idle_s=750))
    async with connection(listener.port) as kept:
        kept[1].write(GET)
        assert statuses(await patiently(kept[0].readuntil(b"}"))) == [200]
        async with connection(listener.port) as silent:
            assert await in_its_time(silent[0].read()) == b""
        kept[1].write(GET)
        assert statuses(await patiently(kept[0].readuntil(b"}"))) == [200]


async def test_who_drips_a_head_is_closed_in_its_time(serve: Serve) -> None:
    """What has come does not buy more time: a whole head has to come within it."""
    listener = await serve(Limits(head_s=15, idle_s=750))
    async with connection(listener.port) as (reader, writer):
        writer.write(HEAD[:9])
        await writer.drain()
        for _ in range(20):
            await asyncio.sleep(0.001)  # it has arrived, and the connection was handed on
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await in_its_time(reader.read()) == b""
        assert loop.time() - began < 15 + 2 * SILENCE_S


async def test_too_few_open_files_are_one_line_and_pass(
    serve: Serve, log: RecordingLog, caplog: pytest.LogCaptureFixture
) -> None:
    """When files run out, the log gets one line, and senders are answered once there are files again."""
    listener = await serve()
    client = socket.socket()
    client.setblocking(False)
    with no_more_files(), caplog.at_level(logging.ERROR):
        await asyncio.get_running_loop().sock_connect(client, (LOOPBACK, listener.port))
        while not log.lines and not caplog.records:  # noqa: ASYNC110 - a failure to accept tells only the log
            await asyncio.sleep(0)
    reader, writer = await asyncio.open_connection(sock=client)
    writer.write(GET)
    assert statuses(await patiently(reader.readuntil(b"}"))) == [200]
    writer.close()
    (line,) = log.lines
    assert (line[0], line[2]["why"]) == ("warning", "Too many open files")
    assert caplog.records == []


async def test_what_else_goes_wrong_in_the_loop_is_told_as_always(
    serve: Serve, log: RecordingLog, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the shortage is ours to shorten."""
    await serve()
    asyncio.get_running_loop().call_exception_handler({"message": "odd", "exception": OSError(1, "no")})
    assert (len(caplog.records), log.lines) == (1, [])


def test_a_flood_is_a_line_a_minute(log: RecordingLog) -> None:
    """The first time is told at once; after a minute, how often it happened meanwhile."""
    clock = FakeClock()
    seldom = Seldom(log, "full", clock.monotonic)
    for _ in range(100):
        seldom.happened()
    clock.advance(seconds=60)
    seldom.happened()
    assert [fields["times"] for _, _, fields in log.lines] == [1, 100]


@pytest.mark.parametrize(
    ("files", "connections"),
    [(64, 16), (256, 64), (1024, (1024 - RESERVED_FILES) // 2), (65_536, MOST_CONNECTIONS)],
)
def test_both_listeners_fit_into_the_open_files(files: int, connections: int) -> None:
    """Two listeners, and files for everything else; a very small limit leaves a few connections still."""
    assert share_of(files) == connections


@contextmanager
def no_more_files() -> Iterator[None]:
    """Let no file be opened: the lowest free number is not allowed."""
    free = os.dup(0)
    os.close(free)
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))
