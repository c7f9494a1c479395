"""The short way in: what takes it, what does not, and that nobody outside can tell the difference."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.pipeline.answer import Answer
from bridge.sources.base import Request, Verdict
from bridge.web.counting import Counting
from bridge.web.limits import MIB, Limits
from bridge.web.listener import Listener
from bridge.web.whole import (
    REMEMBERED_BYTES,
    REMEMBERED_HEAD_BYTES,
    REMEMBERED_HEADS,
    REMEMBERED_LINES,
    WholeReader,
)
from tests.support.clock import FakeClock
from tests.web.fakes import FakeIngest, RecordingLog, connection, converse, patiently, statuses

Serve = Callable[..., Awaitable[Listener]]
HEAD = b"POST /hooks/eduzz HTTP/1.1\r\nHost: x\r\nx-signature: good\r\nContent-Type: application/json\r\n"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\n{}"
GET = b"GET /hooks/eduzz HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_whole_event_takes_the_short_way_and_is_answered_like_any_other(
    serve: Serve, ingest: FakeIngest
) -> None:
    """The same status, headers and body as on the long way, but for the order of the headers."""
    listener = await serve()
    short = await converse(listener.port, WHOLE, answers=1)
    assert ingest.short == 1
    long = await converse(listener.port, WHOLE.replace(b"eduzz", b"eduzz?a=1"), answers=1)
    assert (ingest.short, len(ingest.taken)) == (1, 2)
    assert ingest.taken[0].body == ingest.taken[1].body == b"{}"
    for name in ("x-signature", "content-type", "content-length", "host"):
        assert ingest.taken[0].headers[name] == ingest.taken[1].headers[name]
    assert named(short) == named(long)


@pytest.mark.parametrize(
    ("piece", "status"),
    [
        (WHOLE.replace(b"good", b"bad"), 401),
        (WHOLE.replace(b"eduzz", b"hotmart"), 404),
        (WHOLE.replace(b"POST", b"PUT"), 405),
        (WHOLE.replace(b"application/json", b"text/plain"), 415),
        (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 415),
        (HEAD + b"Content-Length: 9\r\n\r\n{}", 408),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: 200\r\n\r\n" + b" " * 200, 413),
        (HEAD + b"X: 1\r\n" * 101 + b"Content-Length: 2\r\n\r\n{}", 400),
        (HEAD + b"X: " + b"x" * 9000 + b"\r\nContent-Length: 2\r\n\r\n{}", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 200),
        (WHOLE.replace(b"HTTP/1.1", b"HTTP/1.0"), 200),
        (WHOLE.replace(b"eduzz", b"eduzz?a=1"), 200),
        (WHOLE.replace(b"eduzz", b"edu%7Az"), 200),
        (HEAD + b"\r\n", 200),
        (GET, 200),
    ],
)
async def test_what_is_not_usual_goes_the_long_way(
    serve: Serve, ingest: FakeIngest, piece: bytes, status: int
) -> None:
    """What it is told is decided in one place."""
    listener = await serve(Limits(body_bytes=100, lingering_s=0.02))
    answered = await converse(listener.port, piece)
    assert (statuses(answered), ingest.short) == ([status], 0)


async def test_a_connection_is_kept_and_serves_any_request_after_the_first(
    serve: Serve, ingest: FakeIngest
) -> None:
    """Short, short, long, and from there on long."""
    listener = await serve()
    async with connection(listener.port) as (reader, writer):
        for piece in (WHOLE, WHOLE, GET, WHOLE):
            writer.write(piece)
            assert statuses(await patiently(reader.readuntil(b"}"))) == [200]
    assert (ingest.short, len(ingest.taken)) == (2, 3)


async def test_who_asks_for_an_end_gets_it(serve: Serve, ingest: FakeIngest) -> None:
    """`Connection: close` is answered so, and the connection ends."""
    listener = await serve()
    answered = await converse(listener.port, HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}")
    assert (statuses(answered), ingest.short) == ([200], 1)
    assert b"Connection: close" in answered


async def test_requests_that_come_before_the_answer_wait_behind_it(serve: Serve, ingest: FakeIngest) -> None:
    """Answers come in the order of the requests, whatever way each goes."""
    listener = await serve()
    ingest.gate.clear()
    async with connection(listener.port) as (reader, writer):
        writer.write(WHOLE)
        while not ingest.taken:  # noqa: ASYNC110 - the fake tells nobody
            await asyncio.sleep(0)
        writer.write(WHOLE.replace(b"good", b"bad") + WHOLE)
        await asyncio.sleep(0.02)
        assert len(ingest.taken) == 1
        ingest.gate.set()
        got = b""
        while len(statuses(got)) < 3:
            got += await patiently(reader.read(65536))
    assert statuses(got) == [200, 401, 200]


async def test_a_flood_behind_a_request_is_held_up(serve: Serve, ingest: FakeIngest) -> None:
    """What is kept of a sender who does not wait for its answer is bounded."""
    listener = await serve()
    ingest.gate.clear()
    async with connection(listener.port) as (_, writer):
        writer.write(WHOLE)
        while not ingest.taken:  # noqa: ASYNC110 - the fake tells nobody
            await asyncio.sleep(0)
        flood = 32 * MIB
        writer.write(bytes(flood))
        before, left = 0, flood
        while left != before:
            before = left
            for _ in range(200):  # as long as anybody takes something, it becomes less: both are in this loop
                await asyncio.sleep(0)
            left = writer.transport.get_write_buffer_size()
        assert left > flood / 2  # the rest is in the kernel
        ingest.gate.set()


async def test_who_half_closes_is_answered(serve: Serve, ingest: FakeIngest) -> None:
    """A sender may say at once that it has nothing more to send."""
    listener = await serve()
    answered = await converse(listener.port, WHOLE, half_close=True)
    assert (statuses(answered), ingest.short) == ([200], 1)


async def test_a_sender_that_goes_harms_nobody(serve: Serve, ingest: FakeIngest) -> None:
    """What is under way is stored all the same."""
    listener = await serve()
    ingest.gate.clear()
    async with connection(listener.port) as (_, writer):
        writer.write(WHOLE)
        while not ingest.taken:  # noqa: ASYNC110 - the fake tells nobody
            await asyncio.sleep(0)
    ingest.gate.set()
    assert statuses(await converse(listener.port, WHOLE, answers=1)) == [200]


async def test_an_idle_connection_is_closed(serve: Serve, ingest: FakeIngest) -> None:
    """Once nothing has come for the idle time after an answer."""
    listener = await serve(Limits())
    assert statuses(await converse(listener.port, WHOLE)) == [200]


async def test_answers_of_both_ways_are_counted(serve: Serve, ingest: FakeIngest) -> None:
    """`/metrics` does not know of ways."""
    counting = Counting(ingest, FakeClock())
    listener = await serve(counting=counting)
    await converse(listener.port, WHOLE, answers=1)
    await converse(listener.port, WHOLE.replace(b"eduzz", b"eduzz?"), answers=1)
    ingest.answer = Answer(503, {"status": "unavailable"}, retry_after=10)
    answered = await converse(listener.port, WHOLE, answers=1)
    assert b"Retry-After: 10\r\n" in answered
    counts = {(each.source, each.status): each.count for each in counting.answered()}
    assert (counts, ingest.short) == ({("eduzz", 200): 2, ("eduzz", 503): 1}, 2)


async def test_a_mistake_of_ours_is_no_strangers_business(
    serve: Serve, ingest: FakeIngest, log: object
) -> None:
    """It is answered 500, without a word of what it was."""
    listener = await serve()
    ingest.fails_with = RuntimeError("a secret")
    answered = await converse(listener.port, WHOLE, answers=1)
    assert statuses(answered) == [500]
    assert b"secret" not in answered


async def test_a_mistake_on_the_short_way_is_answered_on_the_long_one(
    serve: Serve, ingest: FakeIngest, log: RecordingLog
) -> None:
    """A source that raises costs its sender no connection, and nobody else anything."""
    listener = await serve()

    def verify(_: Request) -> Verdict:
        raise RuntimeError("a secret")

    ingest.sources["escola"].verify = verify  # type: ignore[method-assign, assignment]
    broken = WHOLE.replace(b"eduzz", b"escola")
    async with connection(listener.port) as (reader, writer):
        for piece, status in ((WHOLE, 200), (broken, 500), (WHOLE, 200)):
            writer.write(piece)
            assert statuses(await patiently(reader.readuntil(b"}"))) == [status]
    ingest.gate.clear()
    async with connection(listener.port) as (reader, writer):
        writer.write(WHOLE)
        while ingest.short < 2:  # noqa: ASYNC110 - the fake tells nobody
            await asyncio.sleep(0)
        writer.write(broken)
        await asyncio.sleep(0.02)
        ingest.gate.set()
        assert statuses(await patiently(reader.readuntil(b"}"))) == [200]
        assert statuses(await patiently(reader.readuntil(b"}"))) == [500]
    assert [event for level, event, _ in log.lines if level == "exception"] == [
        "request failed by a mistake of the bridge"
    ] * 2


PIECES = st.one_of(
    st.binary(max_size=300),
    st.binary(max_size=80).map(lambda tail: WHOLE + tail),
    st.tuples(st.integers(0, len(WHOLE)), st.binary(max_size=4)).map(
        lambda cut: WHOLE[: cut[0]] + cut[1] + WHOLE[cut[0] :]
    ),
)


@given(pieces=st.lists(PIECES, max_size=4))
@settings(max_examples=300, deadline=None)
def test_no_piece_spoils_the_next(pieces: list[bytes]) -> None:
    """Whatever was read before, by whomever, a whole request is one, and says what it says."""
    reader = WholeReader(Limits())
    for piece in pieces:
        if reader.read(piece):
            assert piece.endswith(b"\r\n\r\n" + reader.body)
        assert reader.read(WHOLE)
        assert (reader.path, reader.body, reader.keeps) == ("/hooks/eduzz", b"{}", True)
        assert reader.headers["x-signature"] == "good"


@given(before=st.binary(max_size=60), after=st.binary(max_size=60))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_bytes_around_a_request_get_it_a_better_answer(
    serve: Serve, ingest: FakeIngest, before: bytes, after: bytes
) -> None:
    """Bytes that the long way refuses are not taken by the short one."""
    piece = HEAD + before + b"Content-Length: 2\r\n\r\n{}" + after
    listener = await serve(Limits(idle_s=20))
    one = statuses(await converse(listener.port, piece))
    two = statuses(await converse(listener.port, piece[:20], piece[20:]))
    assert one == two


def with_line(line: bytes) -> bytes:
    return HEAD + line + b"Content-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    "piece",
    [
        WHOLE.replace(b"Host: x\r\n", b""),
        with_line(b"Host: y\r\n"),
        with_line(b"Content-Type: application/json\r\n"),
        with_line(b"Content-Type: text/plain\r\n"),
        WHOLE.replace(b"application/json", b"text/plain\r\nContent-Type: application/json"),
        WHOLE.replace(b"x-signature: good", b"x-signature: bad\r\nx-signature: good"),
        with_line(b"X-Signature: bad\r\n"),
        with_line(b"User-Agent: a\r\nUser-Agent: b\r\n"),
        with_line(b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n"),
        with_line(b"User-Agent: \t a b \t \r\n"),
        with_line(b"Sec-WebSocket-Key1: a\r\n"),
        with_line(b"Connection: upgrade\r\nUpgrade: h2c\r\n"),
        with_line(b"Connection: close\r\nConnection: keep-alive\r\n"),
        with_line(b"Connection: keep-alive, close\r\n"),
        with_line(b"Expect: 100-continue\r\n"),
        with_line(b"Content-Encoding: identity\r\n"),
        with_line(b" folded\r\n"),
        with_line(b"A: b\n"),
        with_line(b"A: \xff\x00\r\n"),
        with_line(b"A: \xff\r\n"),
        WHOLE.replace(b"x-signature: good", b"x-signature: \t good \t "),
        WHOLE.replace(b"x-signature: good", b"x-signature : good"),
        WHOLE.replace(b"POST", b"post"),
        WHOLE.replace(b"HTTP/1.1", b"HTTP/1.2"),
        WHOLE.replace(b"/hooks/eduzz", b"http://x/hooks/eduzz"),
        WHOLE.replace(b"/hooks/eduzz", b"/hooks//eduzz"),
        WHOLE.replace(b"/hooks/eduzz", b"/hooks/eduzz\x00"),
        HEAD + b"Content-Length: 2,2\r\n\r\n{}",
        HEAD + b"Content-Length: +2\r\n\r\n{}",
        HEAD + b"Content-Length: 02\r\n\r\n{}",
        HEAD + b"Content-Length: 1\r\n\r\n{}",
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: identity\r\n\r\n{}",
        b"\r\n" + WHOLE,
        WHOLE + b"\r\n",
        WHOLE + WHOLE,
    ],
)
async def test_the_door_answers_as_if_it_were_not_there(
    serve: Serve, ingest: FakeIngest, piece: bytes
) -> None:
    """What the long way refuses is refused, what it takes is taken as it takes it."""
    await assert_same(serve, ingest, piece)


TOKENS = st.sampled_from(
    [
        *(
            b"\r\n",
            b"\n",
            b"\r",
            b" ",
            b"\t",
            b":",
            b"\x00",
            b"\xff",
            b",",
            b"0",
            b"1",
            b"{}",
            b"%65",
            b"?",
            b"/",
        ),
        *(b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n"),
        *(b"Host: z\r\n", b"x-signature: bad\r\n", b"Content-Type: text/plain\r\n", b"HTTP/1.1"),
    ]
)


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_bytes_in_a_request_tell_the_door_from_the_long_way(
    serve: Serve, ingest: FakeIngest, data: st.DataObject
) -> None:
    """A whole request with something put in, taken out, or both."""
    piece = data.draw(
        st.sampled_from([WHOLE, with_line(b"Connection: close\r\n"), with_line(b"A: b, c\r\n")])
    )
    for _ in range(data.draw(st.integers(1, 3))):
        at, gone = data.draw(st.integers(0, len(piece))), data.draw(st.sampled_from([0, 0, 1, 2, 5]))
        piece = piece[:at] + data.draw(TOKENS) + piece[at + gone :]
    await assert_same(serve, ingest, piece)


async def assert_same(serve: Serve, ingest: FakeIngest, piece: bytes) -> None:
    for _ in range(3):  # with limits as short as these, a connection may end before its refusal is written
        short, long = [await seen(serve, ingest, piece, door=door) for door in (True, False)]
        if short == long:
            break
    assert short == long


async def seen(serve: Serve, ingest: FakeIngest, piece: bytes, *, door: bool) -> object:
    """Return what the sender is told, and what the pipeline gets."""
    ingest.taken.clear()
    listener = await serve(Limits(idle_s=20), door=door)
    answered = named(await converse(listener.port, piece))
    await listener.close()
    # Of a repeated header the first counts.
    heard = [{name.lower(): each.headers.get(name) for name in each.headers} for each in ingest.taken]
    return answered, [(each.source, each.body) for each in ingest.taken], heard


OTHERS = st.lists(
    st.sampled_from(
        (
            *(
                b"Host: x",
                b"Content-Length: 2",
                b"Content-Length: 3",
                b"Content-Length: 02",
                b"User-Agent: a",
            ),
            *(b"x-signature: twice", b"x-signature:", b"A: e", b"A:", b"Expect: 100-continue"),
            b"Connection: close",
        )
    ),
    max_size=3,
)
FRESH = st.sampled_from(
    (
        *(
            b"x-signature: good",
            b"x-signature:  better ",
            b"x-signature: \xc3\xa9",
            b"X-Signature: best",
            b"A: b",
        ),
        *(b"x-signature:", b"A:", b"A:\tb", b"A: b\x01", b"A: b\nc", b"A: b\rc", b"A: b\x7f", b"A: \xff"),
        *(b"Connection: close", b"Connection: keep-alive", b"Proxy-Connection: close", b"Upgrade: h2c"),
        *(b"Content-Length: 2", b"Content-Length: 3", b"Host: y", b"Transfer-Encoding: chunked"),
    )
)


@given(
    senders=st.lists(OTHERS, min_size=1, max_size=2),
    sent=st.lists(st.tuples(st.integers(0, 1), FRESH, st.sampled_from([b"{}", b"[1]"])), max_size=10),
)
@settings(max_examples=500, deadline=None)
def test_a_head_that_is_known_says_what_it_would_say_anew(
    senders: list[list[bytes]], sent: list[tuple[int, bytes, bytes]]
) -> None:
    """Whatever came before, a request is read as if it were the first one."""
    reader = WholeReader(Limits())
    for sender, fresh, body in sent:
        others = [b"Host: x", b"Content-Length: %d" % len(body), *senders[sender % len(senders)]]
        for lines in (
            [*others, fresh],
            [fresh, *others],
            [*others[1:], fresh],
            [others[0], *others[2:], fresh],
        ):
            piece = b"\r\n".join([b"POST /hooks/%d HTTP/1.1" % sender, *lines, b"", b""]) + body
            anew = WholeReader(Limits())
            assert reader.read(piece) == anew.read(piece)
            if anew.body:
                assert (reader.path, reader.headers, reader.body, reader.keeps) == (
                    *(anew.path, anew.headers),
                    *(anew.body, anew.keeps),
                )


def test_what_differs_may_be_another_line_again() -> None:
    """A head is remembered by the value that was left out of it, not by the one that is new in it."""
    reader = WholeReader(Limits())
    for sent in (b"good a", b"best a", b"good b", b"best c", b"third c", b"fourth b"):
        signature, agent = sent.split()
        assert reader.read(with_line(b"User-Agent: %s\r\n" % agent).replace(b"good", signature))
        assert reader.headers["x-signature"].encode() == signature
        assert reader.headers["user-agent"].encode() == agent


def test_senders_to_different_paths_take_turns() -> None:
    """Where one posts to says nothing about the next, whether its head is known or not."""
    reader = WholeReader(Limits())
    other = WHOLE.replace(b"eduzz", b"escola")
    for piece, signature, path in (
        *((WHOLE, b"a", "eduzz"), (WHOLE, b"b", "eduzz"), (WHOLE, b"c", "eduzz"), (other, b"d", "escola")),
        *((WHOLE, b"e", "eduzz"), (other.replace(b"Host: x", b"Host: y"), b"f", "escola")),
    ):
        assert reader.read(piece.replace(b"good", signature))
        assert (reader.path, reader.headers["x-signature"]) == (f"/hooks/{path}", signature.decode())


@pytest.mark.parametrize("empty", [b"A", b"x-signature"])
def test_an_empty_value_is_not_the_one_that_differs(empty: bytes) -> None:
    """Two headers may take turns at being empty."""
    reader = WholeReader(Limits())
    for number in range(3):
        for name, values in ((b"A", (b"", b"%d" % number)), (b"x-signature", (b"%d" % number, b""))):
            given, signature = values if name != empty else reversed(values)
            piece = with_line(b"A: %s\r\n" % given).replace(b"good", signature)
            assert reader.read(piece)
            assert (reader.headers["a"], reader.headers["x-signature"]) == (
                given.decode(),
                signature.decode(),
            )


@pytest.mark.parametrize("value", [b"a\x00b", b"a\x01b", b"a\rb", b"a\nb", b"a\x7fb"])
def test_a_known_head_lets_no_odd_value_pass(value: bytes) -> None:
    """Whatever llhttp refuses in a head that is new is refused in one that is known."""
    reader = WholeReader(Limits())
    for signature in (b"one", b"two", b"three"):
        assert reader.read(WHOLE.replace(b"good", signature))
    odd = WHOLE.replace(b"good", value)
    assert reader.read(odd) == WholeReader(Limits()).read(odd)
    assert reader.read(WHOLE.replace(b"good", b"four"))


@pytest.mark.parametrize("header", [b"Connection", b"Proxy-Connection"])
def test_who_closes_is_heard_in_a_known_head(header: bytes) -> None:
    """Whether another request may follow is said by the one value that differs."""
    reader = WholeReader(Limits())
    for value, keeps in ((b"a", True), (b"b", True), (b"close", False), (b"c", True)):
        assert reader.read(with_line(b"%s: %s\r\n" % (header, value)))
        assert reader.keeps is keeps


def test_heads_that_are_remembered_are_forgotten_again() -> None:
    """However many senders there are, little is kept of them; of long heads, nothing."""
    reader = WholeReader(Limits())
    for number in range(3 * REMEMBERED_HEADS):
        agent = b"%d" % number * (1 + number % 2 * REMEMBERED_HEAD_BYTES)
        for signature in (b"one", b"two", b"three"):
            piece = with_line(b"User-Agent: %s\r\n" % agent).replace(b"good", signature)
            assert reader.read(piece)
            assert reader.headers["x-signature"].encode() == signature
            assert reader.headers["user-agent"].encode() == agent
    assert 0 < len(reader.heads) <= REMEMBERED_HEADS
    assert max(sum(map(len, around)) for around in reader.heads) <= REMEMBERED_HEAD_BYTES


def named(answer: bytes) -> set[bytes]:
    """Return the lines of an answer, without the time."""
    return set(re.sub(rb"Date: [^\r]+", b"Date: now", answer).split(b"\r\n"))


def test_lines_that_are_remembered_are_forgotten_again() -> None:
    """However many different lines come, each request says what it says, and little is kept of them."""
    reader = WholeReader(Limits())
    for number in range(3 * REMEMBERED_LINES):
        value = f"{number}" * (1 + number % 2 * REMEMBERED_BYTES)
        assert reader.read(with_line(b"A: %s\r\n" % value.encode()))
        assert (reader.headers["a"], reader.headers["x-signature"]) == (value, "good")
    assert len(reader.pairs) <= REMEMBERED_LINES
    assert max(map(len, reader.pairs)) <= REMEMBERED_BYTES
