"""Our own requests over kept connections: how answers come and end, what is kept, and what is sent once."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, ClientTimeout

from bridge.channels.answers import NoAnswer, NotHttp
from bridge.channels.guard import Blocked
from bridge.channels.pool import Place, Pool
from bridge.channels.posts import form
from bridge.channels.sockets import Sockets
from bridge.channels.wire import ANSWER_BYTES, Reply
from bridge.core.outcomes import Delivered, Retry
from tests.channels.raw_server import GOOD, RawServer, Words
from tests.channels.test_guard import Names
from tests.support.certificates import Certificate
from tests.support.channels import DELIVERY, message, opened, webhook
from tests.support.loop_time import pass_time

OK = Reply(200, None, b"ok")


@asynccontextmanager
async def pool_of(names: Names | None = None, *, idle_s: float = 15.0) -> AsyncIterator[Pool]:
    pool = Pool(Sockets(names), idle_s=idle_s)
    try:
        yield pool
    finally:
        await pool.close()


async def ask(pool: Pool, server: RawServer, *, limit_s: float = 5.0, host: str = "127.0.0.1") -> Reply:
    scheme = "https" if server.tls else "http"
    asked = form("POST", f"{scheme}://{host}:{server.port}/hooks?a=b", {}, private=True)
    deadline = asyncio.get_running_loop().time() + limit_s
    return await pool.exchange(asked.place, asked.filled("", b'{"x": 1}'), deadline=deadline)


HEAD = b"HTTP/1.1 200 OK\r\n"
WHOLE: list[tuple[bytes, Reply, bool]] = [
    (GOOD, OK, True),
    (HEAD + b"content-LENGTH: 2\r\nRetry-After: 30\r\n\r\nok", Reply(200, "30", b"ok"), True),
    (HEAD + b"Retry-After: 1\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n", Reply(200, "1", b""), True),
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", OK, True),
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nRetry-After: 9\r\n\r\n", OK, True),
    (HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\nok", OK, False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", OK, False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok", OK, True),
    (b"HTTP/1.1 204 No Content\r\n\r\n", Reply(204, None, b""), True),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", Reply(304, None, b""), True),
    (b"HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n", Reply(503, None, b""), True),
    (b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD, OK, True),
    (b"HTTP/1.1 103 Early Hints\r\nRetry-After: 7\r\n\r\n" * 3 + GOOD, OK, True),
]


@pytest.mark.parametrize("one_by_one", [False, True], ids=["at once", "byte by byte"])
@pytest.mark.parametrize(("said", "reply", "kept"), WHOLE)
async def test_every_whole_answer_is_read_and_its_connection_kept(
    said: bytes, reply: Reply, kept: bool, one_by_one: bool
) -> None:
    """Unless the server says otherwise; however the network cuts it into pieces."""
    async with RawServer(deque([Words(said, one_by_one), Words()])) as server, pool_of() as pool:
        assert await ask(pool, server) == reply
        assert await ask(pool, server) == OK
        assert server.connections == (1 if kept else 2)


@pytest.mark.parametrize(("said", "reply", "kept"), WHOLE)
async def test_aiohttp_reads_the_same(said: bytes, reply: Reply, kept: bool) -> None:
    """The status and the body, by a client of many years."""
    async with (
        RawServer(deque([Words(said, ends=not kept)])) as server,
        ClientSession(timeout=ClientTimeout(total=50)) as session,
        session.post(f"http://127.0.0.1:{server.port}/", data=b"x") as response,
    ):
        assert (response.status, await response.read()) == (reply.status, reply.body)


ENDLESS = b"X-Header: " + b"x" * 1000 + b"\r\n"
NOT_HTTP = [
    Words(b"220 mail.example ESMTP\r\n"),
    Words(b"HTTP/1.1 abc OK\r\n\r\n"),
    Words(b"HTTP/1.9 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    Words(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"),
    Words(HEAD + b"Content-Length: -1\r\n\r\n"),
    Words(HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    Words(HEAD + b"X\x00Y: 1\r\n\r\n"),
    Words(HEAD + b"no colon\r\n\r\n"),
    Words(HEAD, endless=ENDLESS),
    Words(b"HTTP/1.1 100 Continue\r\n\r\n", endless=b"HTTP/1.1 100 Continue\r\n\r\n"),
]


@pytest.mark.parametrize("words", NOT_HTTP)
async def test_what_is_no_answer_ends_the_connection(words: Words) -> None:
    """Other protocols, two meanings in one head, heads without end: nothing of it is believed."""
    async with RawServer(deque([words])) as server, pool_of() as pool:
        with pytest.raises(NotHttp):
            await ask(pool, server)
        assert await ask(pool, server) == OK
        assert server.connections == 2


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BROKEN = [
    (Words(HEAD + b"Content-Length: 9\r\n\r\nok", ends=True), b"ok"),
    (Words(CHUNKED + b"2\r\nok\r\nwhat?\r\n"), b"ok"),
    (Words(CHUNKED + b"ffffffffffffffffffff\r\n"), b""),
    (Words(CHUNKED + b"2\r\nok\r\n", ends=True), b"ok"),
    (Words(HEAD + b"\r\nok", ends=True), b"ok"),
]


@pytest.mark.parametrize(("words", "body"), BROKEN)
async def test_an_answer_that_breaks_off_behind_its_head_is_one(words: Words, body: bytes) -> None:
    """The status decides; the connection is not used again."""
    async with RawServer(deque([words])) as server, pool_of() as pool:
        assert await ask(pool, server) == Reply(200, None, body, whole=False)
        assert await ask(pool, server) == OK
        assert server.connections == 2


@pytest.mark.parametrize(
    "words",
    [
        Words(HEAD + b"\r\n", endless=b"x" * 4096),
        Words(CHUNKED, endless=b"1\r\nx\r\n"),
        Words(CHUNKED + b"1;", endless=b"x" * 4096),
        Words(CHUNKED + b"0\r\n", endless=ENDLESS),
    ],
    ids=["body", "chunks", "chunk extension", "trailers"],
)
async def test_an_answer_without_end_is_read_in_part(words: Words) -> None:
    """Bounded in bytes, wherever the flood stands."""
    async with RawServer(deque([words])) as server, pool_of() as pool:
        reply = await ask(pool, server)
        assert reply.status == 200
        assert len(reply.body) <= ANSWER_BYTES
        assert await ask(pool, server) == OK
        assert server.connections == 2


async def ask_for_too_long(pool: Pool, server: RawServer, *, limit_s: float) -> Reply:
    """Ask, and let the time pass when the server has said what it says."""
    server.asked.clear()
    asking = asyncio.ensure_future(ask(pool, server, limit_s=limit_s))
    await server.asked.wait()
    pass_time(limit_s)
    return await asking


async def test_time_ends_an_exchange() -> None:
    """Without a head it is a failure, behind one it is an answer; each request has its own limit."""
    async with (
        RawServer(deque([Words(), Words(b"HTTP/1.1 2"), Words(HEAD + b"\r\n")])) as server,
        pool_of() as pool,
    ):
        assert await ask(pool, server, limit_s=60) == OK
        with pytest.raises(TimeoutError):
            await ask_for_too_long(pool, server, limit_s=20)
        assert await ask_for_too_long(pool, server, limit_s=20) == Reply(200, None, b"", whole=False)
        assert await ask(pool, server) == OK
        assert server.connections == 3


async def test_one_timer_serves_a_connection_and_a_later_limit_counts() -> None:
    """A short limit before a long one does not cut the long one short."""
    async with (
        RawServer(deque([Words(), Words(GOOD, one_by_one=True)])) as server,
        pool_of() as pool,
    ):
        assert await ask(pool, server, limit_s=0.02) == OK
        assert await ask(pool, server, limit_s=20) == OK
        assert server.connections == 1


@pytest.mark.parametrize("more", [GOOD, b"garbage", b"\x00"])
async def test_words_behind_an_answer_are_nobodys_answer(more: bytes) -> None:
    """What follows an answer in the same breath spoils the connection, so that no other request gets it."""
    smuggled = more.replace(b"200 OK", b"500 No")
    async with RawServer(deque([Words(GOOD + smuggled)])) as server, pool_of() as pool:
        assert [await ask(pool, server) for _ in range(2)] == [OK, OK]
        assert server.connections == 2


async def test_words_that_nobody_asked_for_close_a_kept_connection() -> None:
    """A server that times out says 408 before it leaves; that is no answer to the next request."""
    async with RawServer() as server, pool_of() as pool:
        assert await ask(pool, server) == OK
        await server.say(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        assert await ask(pool, server) == OK
        assert (server.connections, len(server.requests)) == (2, 2)


async def test_a_connection_that_ended_while_idle_costs_no_attempt() -> None:
    """It is found closed before anything is written, even when the event loop has not heard of it yet."""
    async with RawServer() as server, pool_of() as pool:
        for _ in range(3):
            assert await ask(pool, server) == OK
            server.hang_up()
            await asyncio.sleep(0)
        assert (server.connections, len(server.requests)) == (3, 3)


async def test_a_request_is_never_sent_twice() -> None:
    """A kept connection that ends behind the request may have carried it."""
    async with RawServer(deque([Words(), Words(b"", ends=True)])) as server, pool_of() as pool:
        assert await ask(pool, server) == OK
        with pytest.raises(NoAnswer):
            await ask(pool, server)
        assert (server.connections, len(server.requests)) == (1, 2)


async def test_connections_are_closed_when_nobody_uses_them() -> None:
    """After a while; and another request makes a new one."""
    async with RawServer() as server, pool_of(idle_s=50) as pool:
        assert await ask(pool, server) == OK
        for _ in range(2):
            pass_time(60)
            await asyncio.sleep(0)
        await server.left.wait()
        assert await ask(pool, server) == OK
        assert server.connections == 2


async def test_sixty_four_at_once_share_sixty_four_connections() -> None:
    """Round after round, each answer to its own request."""
    async with RawServer() as server, pool_of() as pool:
        for _ in range(5):
            assert set(await asyncio.gather(*(ask(pool, server) for _ in range(64)))) == {OK}
        assert len(server.requests) == 320
        assert server.connections <= 64


async def test_a_place_is_never_another_ones() -> None:
    """A connection with leave to go to a private address serves nobody without."""
    async with RawServer() as server, pool_of() as pool:
        assert await ask(pool, server) == OK
        without = Place(tls=False, host="127.0.0.1", port=server.port, private=False)
        with pytest.raises(Blocked):
            await pool.exchange(without, b"GET / HTTP/1.1\r\n\r\n", deadline=1e12)
        assert server.connections == 1


async def test_a_cancelled_exchange_gives_its_connection_up() -> None:
    """Nothing is left open, and the next one has a connection of its own."""
    async with RawServer(deque([Words(b"")])) as server, pool_of() as pool:
        task = asyncio.ensure_future(ask(pool, server))
        await server.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await ask(pool, server) == OK
        assert server.connections == 2
    gc.collect()


@pytest.mark.parametrize(
    ("host", "header"),
    [
        ("crm.example", b"crm.example"),
        ("CRM.Example", b"crm.example"),
        ("münchen.example", b"xn--mnchen-3ya.example"),
        ("crm.example.", b"crm.example"),
    ],
)
async def test_a_host_is_asked_by_its_name(host: str, header: bytes) -> None:
    """In ASCII, with the port; the path and the query as they are written."""
    names = Names(crm_example=["127.0.0.1"])
    names.answers |= {"xn--mnchen-3ya.example": ["127.0.0.1"], "crm.example.": ["127.0.0.1"]}
    async with RawServer() as server, pool_of(names) as pool:
        await ask(pool, server, host=host)
        lines = server.requests[0].split(b"\r\n")
        assert lines[0] == b"POST /hooks?a=b HTTP/1.1"
        assert b"Host: %b:%d" % (header, server.port) in lines
        assert b"Content-Length: 8" in lines
        assert b"Accept-Encoding: identity" in lines


async def test_names_are_remembered_for_a_while() -> None:
    """A receiver that keeps no connection does not cost a look-up for each message."""
    names = Names(crm_example=["127.0.0.1"])
    closing = Words(HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok")
    async with RawServer(deque([closing] * 3)) as server, pool_of(names) as pool:
        for _ in range(3):
            assert await ask(pool, server, host="crm.example") == OK
        assert (server.connections, names.asked) == (3, ["crm.example"])


async def test_addresses_are_tried_in_order() -> None:
    """The second one serves when the first one refuses; with IPv6 in the address, brackets in the header."""
    async with RawServer() as server, pool_of(Names(crm_example=["127.0.0.2 127.0.0.1"])) as pool:
        assert await ask(pool, server, host="crm.example") == OK
    if socket.has_ipv6:
        async with RawServer(host="::1") as server, pool_of() as pool:
            assert await ask(pool, server, host="[::1]") == OK
            assert b"Host: [::1]:%d\r\n" % server.port in server.requests[0]


async def test_tls_serves_the_host_of_the_certificate(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system trusts counts, the name must be right, and connections are kept."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    names = Names(localhost=["127.0.0.1"], crm_example=["127.0.0.1"])
    async with RawServer(tls=certificate.server_context()) as server:
        for host, outcome in (("localhost", Delivered), ("127.0.0.1", Delivered), ("crm.example", Retry)):
            async with opened("webhook", webhook(f"https://{host}:{server.port}"), resolver=names) as channel:
                payload = channel.encode(message(), {})
                found = [await channel.send(payload, DELIVERY) for _ in range(3)]
            assert {type(each) for each in found} == {outcome}
        assert isinstance(found[0], Retry)
        assert "certificate was not accepted: Hostname mismatch" in found[0].answer
        assert len(server.requests) == 6


async def test_closing_gives_encrypted_connections_back(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the other side has gone before or not."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    for gone in (False, True):
        async with RawServer(tls=certificate.server_context()) as server, pool_of() as pool:
            assert await ask(pool, server) == OK
            if gone:
                server.hang_up()
                await asyncio.sleep(0.01)
    gc.collect()
    assert asyncio.all_tasks() == {asyncio.current_task()}
