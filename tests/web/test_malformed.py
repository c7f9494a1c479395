"""Whatever bytes arrive, the public listener answers below 500 and goes on working."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.web.limits import Limits
from bridge.web.listener import Listener
from tests.support.loop_time import pass_time
from tests.web.fakes import SILENCE_S, FakeIngest, RecordingLog, connection, converse, patiently, statuses

Serve = Callable[..., Awaitable[Listener]]
HEAD = b"POST /hooks/eduzz HTTP/1.1\r\nHost: bridge.escola.example\r\n"
SIGNED = HEAD + b"x-signature: good\r\nContent-Type: application/json\r\n"
GET = b"GET /hooks/eduzz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
QUICK = Limits(idle_s=20)

CASES = {
    "not HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", [400]),
    "no version": (b"GET /\r\n\r\n", None),
    "HTTP/9.9": (b"GET /healthz HTTP/9.9\r\n\r\n", [400]),
    "unknown method": (b"BREW /hooks/eduzz HTTP/1.1\r\nHost: x\r\n\r\n", None),
    "no host": (b"GET /hooks/eduzz HTTP/1.1\r\nConnection: close\r\n\r\n", None),
    "HTTP/1.0": (b"GET /hooks/eduzz HTTP/1.0\r\n\r\n", [200]),
    "absolute form": (b"GET http://a.example/hooks/eduzz HTTP/1.1\r\nHost: x\r\n\r\n", None),
    "authority form": (b"CONNECT a.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", None),
    "asterisk form": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", None),
    "absurd path": (b"GET /hooks/%zz%00%ff/../..//\\?%=&& HTTP/1.1\r\nHost: x\r\n\r\n", None),
    "non-ASCII path": (b"GET /hooks/m\xc3\xb3dulo\xff HTTP/1.1\r\nHost: x\r\n\r\n", None),
    "bad host": (b"GET /hooks/eduzz HTTP/1.1\r\nHost: [::1\r\n\r\n", None),
    "bad port": (b"GET http://a:99999999/hooks/eduzz HTTP/1.1\r\nHost: x\r\n\r\n", None),
    "long path": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    "long header": (HEAD + b"X: " + b"a" * 20_000 + b"\r\n\r\n", [400]),
    "many headers": (HEAD + b"".join(b"X-%d: 1\r\n" % n for n in range(200)) + b"\r\n", [400]),
    "header without colon": (HEAD + b"nonsense\r\n\r\n", [400]),
    "header with NUL": (HEAD + b"X: a\x00b\r\n\r\n", [400]),
    "folded header": (HEAD + b"X: a\r\n b\r\n\r\n", [400]),
    "non-ASCII signature": (HEAD + b"x-signature: \xe7\xff\xc3\xa7\r\nContent-Length: 2\r\n\r\n{}", [401]),
    "two signatures": (HEAD + b"x-signature: a\r\nx-signature: good\r\nContent-Length: 2\r\n\r\n{}", None),
    "negative length": (SIGNED + b"Content-Length: -5\r\n\r\n", [400]),
    "length of words": (SIGNED + b"Content-Length: ten\r\n\r\n", [400]),
    "two lengths": (SIGNED + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", [400]),
    "length and chunks": (
        SIGNED + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        [400],
    ),
    "length beyond numbers": (SIGNED + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n", None),
    "length beyond the limit": (SIGNED + b"Content-Length: 99999999\r\n\r\n{}", [413]),
    "body too short": (SIGNED + b"Content-Length: 50\r\n\r\n{}", None),
    "body too long": (SIGNED + b"Content-Length: 2\r\n\r\n{}{}{}", None),
    "bad chunk size": (SIGNED + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", [400]),
    "chunk longer than said": (SIGNED + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}{}\r\n0\r\n\r\n", [400]),
    "chunks cut off": (SIGNED + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{", None),
    "good chunks": (SIGNED + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", [200]),
    "chunked trailer": (SIGNED + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: 1\r\n\r\n", None),
    "unknown transfer encoding": (SIGNED + b"Transfer-Encoding: rot13\r\n\r\n{}", None),
    "gzip that is none": (SIGNED + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", [415]),
    "expects 100": (SIGNED + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", [100, 200]),
    "expects wonders": (SIGNED + b"Expect: wonders\r\nContent-Length: 2\r\n\r\n{}", None),
    "wants a websocket": (HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello", None),
    "wants h2c": (SIGNED + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}", None),
    "speaks HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", None),
    "pipelines": ((SIGNED + b"Content-Length: 2\r\n\r\n{}") * 50, [200] * 50),
    "pipelines nonsense": (SIGNED + b"Content-Length: 2\r\n\r\n{}nonsense\r\n\r\n", None),
    "empty": (b"", []),
}


@pytest.mark.parametrize("case", CASES)
async def test_no_mistake_of_a_sender_is_a_server_error(
    serve: Serve, ingest: FakeIngest, log: RecordingLog, case: str
) -> None:
    """Each malformed request is answered below 500 or not at all, and the listener answers the next one."""
    sent, expected = CASES[case]
    listener = await serve(QUICK)
    answered = statuses(
        await converse(listener.port, sent, answers=None if expected is None else len(expected))
    )
    assert all(status < 500 for status in answered)
    assert expected is None or answered == expected
    assert statuses(await converse(listener.port, GET, answers=1)) == [200]
    assert not log.levels() & {"error", "exception"}, log.lines


NAMED = st.tuples(
    st.sampled_from(
        (
            *(
                b"Content-Type",
                b"Content-Encoding",
                b"Content-Length",
                b"Transfer-Encoding",
                b"Expect",
                b"Upgrade",
            ),
            *(
                b"Connection",
                b"Host",
                b"X-Forwarded-For",
                b"Cookie",
                b"Accept",
                b"Range",
                b"If-Modified-Since",
            ),
        )
    ),
    st.sampled_from((b"chunked", b"gzip", b"100-continue", b"websocket", b"upgrade", b"close", b"5"))
    | st.binary(max_size=20),
).map(lambda pair: pair[0] + b": " + pair[1] + b"\r\n")


@given(
    noise=st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=200).map(lambda tail: SIGNED + tail),
        st.binary(max_size=200).map(lambda tail: SIGNED + b"Transfer-Encoding: chunked\r\n\r\n" + tail),
        st.binary(max_size=200).map(lambda path: b"POST /hooks/" + path + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
        st.lists(NAMED, max_size=4).map(
            lambda headers: HEAD + b"".join(headers) + b"\r\n5\r\n{}{}{\r\n0\r\n\r\n"
        ),
        st.tuples(st.binary(max_size=30), st.binary(max_size=60)).map(
            lambda pair: HEAD + pair[0] + b": " + pair[1] + b"\r\n\r\n"
        ),
    ),
    cut=st.integers(0, 600),
    half_close=st.booleans(),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_bytes_are_a_server_error(
    serve: Serve, log: RecordingLog, noise: bytes, cut: int, half_close: bool
) -> None:
    """Any bytes, in two pieces, are answered below 500 or not at all."""
    listener = await serve(Limits(idle_s=20))
    answered = statuses(await converse(listener.port, noise[:cut], noise[cut:], half_close=half_close))
    assert all(status < 500 for status in answered)
    assert not log.levels() & {"error", "exception"}, log.lines


@given(body=st.binary(max_size=4096), piece=st.integers(1, 900))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_body_arrives_as_it_was_sent(
    serve: Serve, ingest: FakeIngest, body: bytes, piece: int
) -> None:
    """Chunked in any way, the pipeline gets the same bytes."""
    listener = await serve()
    chunks = [body[start : start + piece] for start in range(0, len(body), piece)]
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    head = SIGNED + b"Transfer-Encoding: chunked\r\n\r\n"
    assert statuses(await converse(listener.port, head, framed, answers=1)) == [200]
    assert ingest.taken[-1].body == body


async def test_a_body_that_drips_is_answered_408_and_cut_off(serve: Serve, ingest: FakeIngest) -> None:
    """A sender that never finishes its body is told so when its time is over, and the connection ends."""
    listener, loop = await serve(QUICK), asyncio.get_running_loop()
    began = loop.time()
    answered = await converse(listener.port, SIGNED + b"Content-Length: 100\r\n\r\n{")
    assert loop.time() - began < QUICK.body_s + 3 * SILENCE_S
    assert statuses(answered) == [408]
    assert b"Connection: close" in answered
    assert ingest.taken == []


async def test_a_head_that_drips_is_cut_off(serve: Serve) -> None:
    """A connection that does not finish its request head is closed, however steadily it drips."""
    listener = await serve(QUICK)
    async with connection(listener.port) as (reader, writer):
        ended = asyncio.ensure_future(reader.read())
        for byte in HEAD * 100:
            if ended.done():
                break
            writer.write(bytes([byte]))
            await asyncio.wait({ended}, timeout=0.001)
            pass_time(1)
        assert ended.done()
        assert ended.exception() is not None or not statuses(ended.result())


async def test_closing_waits_for_what_is_being_stored_and_not_for_what_is_still_arriving(
    serve: Serve, ingest: FakeIngest
) -> None:
    """A request the pipeline has is answered after its commit; a half body is answered 408 at once."""
    listener = await serve()
    ingest.gate.clear()
    async with (
        connection(listener.port) as (whole, send_whole),
        connection(listener.port) as (half, send_half),
    ):
        send_whole.write(SIGNED + b"Content-Length: 2\r\n\r\n{}")
        send_half.write(SIGNED + b"Content-Length: 2\r\n\r\n{")
        await until(lambda: served(listener) == 1 and bool(ingest.taken))
        closing = asyncio.ensure_future(listener.close())
        assert statuses(await patiently(half.read())) == [408]
        assert not closing.done()
        ingest.gate.set()
        assert statuses(await patiently(whole.read())) == [200]
        await closing
    assert len(ingest.taken) == 1


async def test_a_closed_listener_takes_no_connection(serve: Serve) -> None:
    """After closing, the port is free."""
    listener = await serve()
    await listener.close()
    with pytest.raises(ConnectionError):
        await converse(listener.port, GET)


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - aiohttp counts requests without telling anyone
        await asyncio.sleep(0)


def served(listener: Listener) -> int:
    server = listener._runner.server
    return server.requests_count if server is not None else 0
