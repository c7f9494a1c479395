"""Connections whose requests are all usual: no transport is made for them, and nobody can tell."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.pipeline.answer import Answer
from bridge.web.connections import Connections
from bridge.web.door import PIECE_BYTES, Doors
from bridge.web.limits import MIB, Limits
from bridge.web.listener import Listener
from bridge.web.seldom import Seldom
from tests.web.fakes import (
    LOOPBACK,
    FakeIngest,
    RecordingLog,
    connection,
    converse,
    in_its_time,
    patiently,
    statuses,
)

Serve = Callable[..., Awaitable[Listener]]
HEAD = b"POST /hooks/eduzz HTTP/1.1\r\nHost: x\r\nx-signature: good\r\nContent-Type: application/json\r\n"
LAST = HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\n{}"


async def taken(ingest: FakeIngest, count: int = 1) -> None:
    while len(ingest.taken) < count:  # noqa: ASYNC110 - the fake tells nobody
        await asyncio.sleep(0)


async def test_no_transport_is_made_for_what_is_usual(
    serve: Serve, ingest: FakeIngest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the connection is kept or not; what is anything else has one from its first byte on."""
    listener = await serve()
    loop, made = asyncio.get_running_loop(), []
    make = loop.connect_accepted_socket

    async def connect(*args: object, **options: object) -> object:
        made.append(args)
        return await make(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "connect_accepted_socket", connect)
    for _ in range(3):
        assert statuses(await converse(listener.port, LAST)) == [200]
    async with connection(listener.port) as (reader, writer):
        for piece in (WHOLE, WHOLE, LAST):
            writer.write(piece)
            assert statuses(await patiently(reader.readuntil(b"}"))) == [200]
        assert await patiently(reader.read()) == b""
    assert (ingest.short, made) == (6, [])
    assert statuses(await converse(listener.port, LAST.replace(b"good", b"bad"))) == [401]
    assert (ingest.short, len(made)) == (6, 1)


async def test_what_has_come_already_is_not_waited_for(
    serve: Serve, ingest: FakeIngest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel is asked to tell of nothing for a request that came with its connection and is its last."""
    listener = await serve()
    loop, waited = asyncio.get_running_loop(), []
    wait = loop.add_reader

    def add_reader(fd: int, *args: Any) -> None:
        waited.append(fd)
        wait(fd, *args)

    monkeypatch.setattr(loop, "add_reader", add_reader)
    for piece, waits in ((LAST, 0), (WHOLE, 1)):
        with socket.create_connection((LOOPBACK, listener.port)) as client:
            client.sendall(piece)  # before the loop has had a turn
            client.setblocking(False)
            assert statuses(await loop.sock_recv(client, 1000)) == [200]
        assert len(waited) == waits
    assert ingest.short == 2


async def test_no_answer_waits_for_more_to_go_with_it(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nagle's algorithm would hold the answers to requests back that come without waiting for any."""
    undelayed = []
    begin = Doors.open

    def open_(doors: Doors, sock: socket.socket) -> None:
        undelayed.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0)
        begin(doors, sock)

    monkeypatch.setattr(Doors, "open", open_)
    listener = await serve()
    assert statuses(await converse(listener.port, WHOLE, answers=1)) == [200]
    assert undelayed == [True]


async def test_any_answer_is_told(serve: Serve, ingest: FakeIngest) -> None:
    """Also that the store cannot be written."""
    listener = await serve()
    ingest.answer = Answer(503, {"status": "unavailable"}, retry_after=10)
    answered = await converse(listener.port, LAST)
    assert statuses(answered) == [503]
    assert b"Retry-After: 10\r\n" in answered
    assert b"Connection: close\r\n" in answered


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ((LAST[:50], LAST[50:]), 200),
        ((LAST.replace(b"good", b"bad"),), 401),
        ((LAST.replace(b"eduzz", b"hotmart"),), 404),
        ((b"\x16\x03\x01 not HTTP at all",), 400),
        ((LAST + b"and more",), 400),
    ],
)
async def test_what_is_not_usual_goes_the_long_way(
    serve: Serve, ingest: FakeIngest, parts: tuple[bytes, ...], status: int
) -> None:
    """From its first byte, whatever it says of the connection."""
    listener = await serve()
    async with connection(listener.port) as (reader, writer):
        for part in parts:
            writer.write(part)
            await writer.drain()
            for _ in range(50):
                await asyncio.sleep(0)
        assert statuses(await in_its_time(reader.read())) == [status]
    assert ingest.short == 0


@pytest.mark.parametrize("size", [PIECE_BYTES - 500, PIECE_BYTES, PIECE_BYTES + 1, MIB])
async def test_a_body_of_any_size_is_whole(serve: Serve, ingest: FakeIngest, size: int) -> None:
    """One that does not come in a piece is put together on the long way."""
    listener = await serve()
    head = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % size
    assert statuses(await converse(listener.port, head + b"x" * size, answers=1)) == [200]
    assert [len(each.body) for each in ingest.taken] == [size]


REQUESTS = {
    WHOLE: 200,
    WHOLE.replace(b"good", b"bad"): 401,
    WHOLE.replace(b"eduzz", b"hotmart"): 404,
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n": 200,
    HEAD + b"Content-Length: 70000\r\n\r\n" + b" " * 70_000: 200,
    HEAD + b"Content-Length: 0\r\n\r\n": 200,
    b"GET /hooks/eduzz HTTP/1.1\r\nHost: x\r\n\r\n": 200,
}


@given(
    requests=st.lists(st.sampled_from([*REQUESTS, *[WHOLE] * 7]), min_size=1, max_size=5),
    cuts=st.lists(st.tuples(st.integers(1, 5), st.sampled_from([0, 0, 1, -1, 90]), st.integers(0, 9))),
    held=st.integers(0, 6),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_requests_are_answered_one_by_one_wherever_they_are_cut(
    serve: Serve, ingest: FakeIngest, requests: list[bytes], cuts: list[tuple[int, int, int]], held: int
) -> None:
    """However many come behind each other, in whatever pieces, `held` of them before anything is stored."""
    ingest.taken.clear()
    ingest.gate.clear()
    listener = await serve()
    sent = b"".join(requests) + LAST
    async with connection(listener.port) as (reader, writer):
        begin = 0
        for number, (whole, more, turns) in enumerate([*sorted(cuts), (6, 0, 9)]):
            if number == held:
                ingest.gate.set()
            end = max(begin, len(b"".join([*requests, LAST][:whole])) + more)
            writer.write(sent[begin:end])
            begin = end
            for _ in range(turns):
                await asyncio.sleep(0)
        ingest.gate.set()
        told = statuses(await patiently(reader.read()))
    assert told == [*(REQUESTS[each] for each in requests), 200]
    good = [each for each in [*requests, LAST] if b"GET" not in each and REQUESTS.get(each, 200) == 200]
    assert len(ingest.taken) == len(good)
    await listener.close()


async def test_who_comes_and_says_nothing_is_let_go(serve: Serve) -> None:
    """In the time for a head; who ends a connection before saying anything, at once."""
    listener = await serve(Limits(head_s=15, idle_s=750))
    assert await converse(listener.port, half_close=True, answers=1) == b""
    async with connection(listener.port) as (reader, _):
        assert await in_its_time(reader.read()) == b""


async def test_a_sender_that_breaks_off_is_stored_and_harms_nobody(serve: Serve, ingest: FakeIngest) -> None:
    """While it is stored, and before it has said anything."""
    listener = await serve()
    ingest.gate.clear()
    for piece in (LAST, b""):
        with socket.create_connection((LOOPBACK, listener.port)) as client:
            client.sendall(piece)
            await taken(ingest)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
    ingest.gate.set()
    assert statuses(await converse(listener.port, LAST)) == [200]
    assert len(ingest.taken) == 2


async def test_nobody_is_refused_without_an_address(serve: Serve, ingest: FakeIngest) -> None:
    """Who has reset the connection by its turn is not heard: refusals would count for no caller."""
    listener = await serve()
    bad = LAST.replace(b"good", b"bad")
    for _ in range(3):
        with socket.create_connection((LOOPBACK, listener.port)) as client:
            client.sendall(bad)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
    assert statuses(await converse(listener.port, bad)) == [401]
    assert ingest.refused == 1


async def test_what_is_being_stored_is_answered_before_the_end(serve: Serve, ingest: FakeIngest) -> None:
    """When the listener closes; who has said nothing is let go, and nobody new comes in."""
    listener = await serve()
    ingest.gate.clear()
    async with connection(listener.port) as (silent, _), connection(listener.port) as (reader, writer):
        writer.write(LAST)
        await taken(ingest)
        closing = asyncio.ensure_future(listener.close())
        assert await patiently(silent.read()) == b""
        with pytest.raises(OSError, match="Connect"):
            await asyncio.open_connection(LOOPBACK, listener.port)
        assert not closing.done()
        ingest.gate.set()
        assert statuses(await patiently(reader.read())) == [200]
        await closing


async def test_an_answer_that_takes_too_long_does_not_hold_the_end_up(
    serve: Serve, ingest: FakeIngest
) -> None:
    """The listener's grace is for them all; what comes of it later goes nowhere, and breaks nothing."""
    listener = await serve()
    ingest.gate.clear()
    async with connection(listener.port) as (reader, writer):
        writer.write(LAST)
        await taken(ingest)
        await listener.close()
        assert await patiently(reader.read()) == b""
    ingest.gate.set()
    await asyncio.sleep(0.02)


async def test_of_too_many_the_one_that_waits_longest_is_closed(serve: Serve, ingest: FakeIngest) -> None:
    """A request that is being stored is not."""
    listener = await serve(Limits(connections=2))
    ingest.gate.clear()
    async with AsyncExitStack() as stack:
        silent = await stack.enter_async_context(connection(listener.port))
        stored = await stack.enter_async_context(connection(listener.port))
        stored[1].write(LAST)
        await taken(ingest)
        late = await stack.enter_async_context(connection(listener.port))
        assert await patiently(silent[0].read()) == b""
        late[1].write(LAST)
        await taken(ingest, 2)
        ingest.gate.set()
        for reader, _ in (stored, late):
            assert statuses(await patiently(reader.read())) == [200]


class Told:
    """Takes every request, and answers it soon."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def take(
        self, path: str, headers: Mapping[str, str], body: bytes, told: Callable[[Answer], None]
    ) -> bool:
        self.bodies.append(body)
        asyncio.get_running_loop().call_soon(told, Answer(200, {"status": "accepted"}))
        return True

    def now(self) -> datetime:
        return datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize("reads", [True, False])
async def test_who_leaves_all_answers_unread_is_cut_off(log: RecordingLog, *, reads: bool) -> None:
    """When the kernel has no room for another one; what it asked for is stored."""
    taker, loop = Told(), asyncio.get_running_loop()
    connections = Connections(9, 15.0, Seldom(log, "full", loop.time))
    doors = Doors(taker, Limits(), connections, asyncio.Protocol)
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with theirs:
        fill(ours)
        while reads and drained(theirs):
            pass
        doors.open(ours)
        theirs.send(WHOLE)
        if reads:
            assert statuses(await loop.sock_recv(theirs, 1000)) == [200]
        while not reads and ours.fileno() >= 0:  # noqa: ASYNC110 - a closed socket tells nobody
            await asyncio.sleep(0)
        assert (taker.bodies, ours.fileno() >= 0) == ([b"{}"], reads)
    await doors.close(1.0)


def fill(sock: socket.socket) -> None:
    """Send until there is no room for more."""
    with suppress(BlockingIOError):
        while True:
            sock.send(bytes(4096), socket.MSG_DONTWAIT)
    with suppress(BlockingIOError):
        while True:
            sock.send(b"x", socket.MSG_DONTWAIT)


def drained(sock: socket.socket) -> bytes:
    """Return some of what has come, or nothing where that is all."""
    try:
        return sock.recv(65536)
    except BlockingIOError:
        return b""
