"""One connection against any bytes: it never fails, and any cut of a good answer is the same answer."""

from __future__ import annotations

import asyncio
import socket
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels.answers import NoAnswer, NotHttp
from bridge.channels.wire import REMEMBERED_ANSWERS, REMEMBERED_BYTES, Answers, Reply, Wire


class FakeTransport(asyncio.Transport):
    """Takes what is written; its socket is never readable."""

    def __init__(self) -> None:
        super().__init__()
        self.near, self.far = socket.socketpair()
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Nothing is sent."""

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self.near if name == "socket" else default

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.near.close()
        self.far.close()


async def came(pieces: list[bytes], known: Answers | None = None) -> tuple[Reply | Exception, bool]:
    """Return what an exchange comes to when these pieces arrive, and whether the connection is still good.

    `known` are the answers that came before on other connections.
    """
    loop = asyncio.get_running_loop()
    rested: list[Wire] = []
    wire, transport = Wire(loop, Answers() if known is None else known, rested.append), FakeTransport()
    wire.connection_made(transport)
    told: list[Reply | Exception] = []
    wire.exchange(b"POST / HTTP/1.1\r\n\r\n", loop.time() + 60, told.append)
    for piece in pieces:
        if not transport.aborted:
            wire.data_received(piece)
    ready = wire.is_ready
    wire.connection_lost(None)
    transport.close()
    assert (len(told), rested) == (1, [wire])
    return told[0], ready


@given(st.lists(st.binary(max_size=200), max_size=8), st.booleans())
def test_any_bytes_have_an_end(pieces: list[bytes], begins_well: bool) -> None:
    """An answer or one of two errors; never another exception out of the event loop's calls."""
    head = [b"HTTP/1.1 200 OK\r\n"] if begins_well else []
    found, _ = asyncio.run(came(head + pieces))
    assert isinstance(found, Reply | NoAnswer | NotHttp)


header_text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
names = st.from_regex(r"X-[A-Za-z0-9-]{1,20}", fullmatch=True)


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, Reply]:
    """Return a good answer, framed by its length or in chunks, and what it says."""
    status = draw(st.integers(200, 599).filter(lambda status: status not in (204, 304)))
    lines = [f"{name}: {value}" for name, value in draw(st.lists(st.tuples(names, header_text), max_size=5))]
    wait = draw(st.none() | st.integers(0, 999).map(str))
    lines += [] if wait is None else [f"Retry-After: {wait}"]
    body = draw(st.binary(max_size=300))
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=4)))
    if draw(st.booleans()):
        lines.append("Transfer-Encoding: chunked")
        chunks = [body[a:b] for a, b in pairwise([0, *cuts, len(body)]) if a < b]
        framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    else:
        lines.append(f"Content-Length: {len(body)}")
        framed = body
    head = "\r\n".join([f"HTTP/1.1 {status} Any", *lines, "", ""]).encode()
    return head + framed, Reply(status, wait, body)


@given(answers(), st.lists(st.integers(0, 1000), max_size=6))
def test_any_cut_of_an_answer_is_the_same_answer(answer: tuple[bytes, Reply], cuts: list[int]) -> None:
    """However the network delivers it, the connection can be kept."""
    raw, reply = answer
    places = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    assert asyncio.run(came([raw[a:b] for a, b in pairwise(places)])) == (reply, True)


@given(answers(), st.integers(0, 2000))
def test_half_an_answer_is_none_or_its_status(answer: tuple[bytes, Reply], cut: int) -> None:
    """What breaks off within the head decides nothing; behind it the status does."""
    raw, reply = answer
    cut = min(cut, len(raw) - 1)
    found, ready = asyncio.run(came([raw[:cut]] if cut else []))
    assert not ready
    if cut < raw.index(b"\r\n\r\n") + 4:
        assert isinstance(found, NoAnswer)
    else:
        assert isinstance(found, Reply)
        assert (found.status, found.retry_after) == (reply.status, reply.retry_after)
        assert reply.body.startswith(found.body)


@given(answers(), st.binary(max_size=40), st.integers(-40, 40))
def test_an_answer_that_came_before_means_the_same(
    answer: tuple[bytes, Reply], more: bytes, cut: int
) -> None:
    """And whatever else comes is read: what is remembered saves work, and decides nothing."""
    raw, reply = answer
    known = Answers()
    for _ in range(2):
        assert asyncio.run(came([raw], known)) == (reply, True)
    assert list(known) == [raw]
    other = raw[: len(raw) + cut] + more if cut < 0 else raw[cut:] + more
    found, read = asyncio.run(came([other], known)), asyncio.run(came([other]))
    assert (str(found[0]), found[1]) == (str(read[0]), read[1])


def test_few_answers_are_remembered_and_none_that_is_long() -> None:
    """A server that never says the same twice costs little memory."""
    known = Answers()
    for number in range(2 * REMEMBERED_ANSWERS):
        raw = b"HTTP/1.1 204 No Content\r\nX-Request-Id: %d\r\n\r\n" % number
        assert asyncio.run(came([raw], known)) == (Reply(204, None, b""), True)
        assert 0 < len(known) <= REMEMBERED_ANSWERS
    before = len(known)
    long = b"HTTP/1.1 204 No Content\r\nX-Long: %b\r\n\r\n" % (b"x" * REMEMBERED_BYTES)
    assert asyncio.run(came([long], known)) == (Reply(204, None, b""), True)
    assert len(known) == before


NOT_REMEMBERED = [
    [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"],
    [b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"],
    [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", b"x"],
    [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"],
    [b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"],
    [b"HTTP/1.1 204 No Content\r\n\r\nH"],
    [b"HTTP/1.1 204 No Content\r\n\r\ngarbage"],
    [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"],
]


@pytest.mark.parametrize("pieces", NOT_REMEMBERED)
def test_what_is_not_one_answer_in_one_piece_that_others_may_follow_is_not_remembered(
    pieces: list[bytes],
) -> None:
    """Else the same bytes might say something else at another place, or leave a connection open."""
    known = Answers()
    asyncio.run(came(pieces, known))
    assert not known


def test_an_answer_to_half_a_request_leaves_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other half would stand before the next request, also where the answer is a known one."""
    raw, known = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", Answers()
    assert asyncio.run(came([raw], known)) == (Reply(413, None, b""), True)
    monkeypatch.setattr(FakeTransport, "get_write_buffer_size", lambda _: 1)
    for answers_ in (known, Answers()):
        assert asyncio.run(came([raw], answers_)) == (Reply(413, None, b""), False)
