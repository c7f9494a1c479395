"""The dialogue with mail servers that behave oddly, and the bytes that DATA sends."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiosmtplib import SMTPServerDisconnected
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.channels.base import Prompt
from bridge.channels.smtp_session import REPLY_BYTES, Envelope, Session, stuffed
from bridge.core.messages import Payload
from bridge.core.outcomes import Delivered, Outcome, Reason, Rejected, Retry
from tests.support.channels import DELIVERY, handed_over, mail, opened

GREETING = b"220 mail.test ESMTP\r\n"
HELLO = b"250-mail.test\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n"
ALL_AT_ONCE = b"MAIL FROM:<ola@escola.example>\r\nRCPT TO:<maria@aluna.example>\r\nDATA\r\n"
QUEUED = b"250 2.0.0 OK: queued\r\n"
ENVELOPE = Envelope("ola@escola.example", ("maria@aluna.example",), b"Subject: x\r\n\r\nhello\r\n")
PAYLOAD = Payload(body=b"Subject: x\r\n\r\nhello\r\n", meta={"recipients": ["maria@aluna.example"]})


class Scripted:
    """Waits for words, then says its own, one pair after the other, on each connection the same."""

    def __init__(self, *dialogue: tuple[bytes, bytes], ends: bool = False) -> None:
        self.ends = ends
        self.dialogue = [(b"EHLO escola.example\r\n", HELLO), *dialogue]
        self.heard: list[bytes] = []
        self.port = 0
        self.connections = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Scripted]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self
        await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(GREETING)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            for wanted, said in self.dialogue:
                self.heard.append(await reader.readuntil(wanted))
                writer.write(said)
            if not self.ends:
                self.heard.append(await reader.read())
        writer.close()


@asynccontextmanager
async def silent(*, pipelining: bool) -> AsyncIterator[Session]:
    """Give a session with a server that says nothing."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    async with server:
        transport, _ = await loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname())
        session = Session(transport, pipelining=pipelining, utf8=False, now=0.0)
        yield session
        session.give_up()
        await asyncio.sleep(0.01)


async def send(
    *dialogue: tuple[bytes, bytes], times: int = 1, ends: bool = False
) -> tuple[Sequence[Outcome], Scripted]:
    async with Scripted(*dialogue, ends=ends).listening() as server:
        raw = mail(f"smtp://127.0.0.1:{server.port}")
        async with opened("email", raw) as channel:
            return [await handed_over(channel, PAYLOAD) for _ in range(times)], server


async def test_a_message_takes_two_writes_where_the_server_allows_it() -> None:
    """It hears sender, recipient and DATA before it has answered any of them, then the message."""
    (found,), server = await send((ALL_AT_ONCE, b"250 OK\r\n250 OK\r\n354 go on\r\n"), (b"\r\n.\r\n", QUEUED))
    assert found == Delivered(250, "2.0.0 OK: queued")
    assert server.heard[1:3] == [ALL_AT_ONCE, PAYLOAD.body + b".\r\n"]


GOOD = (ALL_AT_ONCE, b"250 OK\r\n250 OK\r\n354 go on\r\n"), (b"\r\n.\r\n", QUEUED)


@pytest.mark.parametrize(
    ("dialogue", "outcome"),
    [
        (GOOD, Delivered(250, "2.0.0 OK: queued")),
        (
            ((ALL_AT_ONCE, b"250 OK\r\n550 5.1.1 unknown\r\n503 no\r\n"), (b"RSET\r\n", b"250 OK\r\n")),
            Rejected(Reason.CLIENT, 550, "5.1.1 unknown", bounced=("maria@aluna.example",)),
        ),
        (
            (GOOD[0], (b"\r\n.\r\n", b"451 4.3.0 later\r\n"), (b"RSET\r\n", b"250 OK\r\n")),
            Retry(Reason.SERVER, 451, "4.3.0 later"),
        ),
    ],
)
async def test_what_needs_no_task_on_a_kept_connection_has_the_outcome_of_any_other(
    dialogue: Sequence[tuple[bytes, bytes]], outcome: Outcome
) -> None:
    """And the connection is kept behind it."""
    async with (
        Scripted(*GOOD, *dialogue, *GOOD).listening() as server,
        opened("email", mail(f"smtp://127.0.0.1:{server.port}")) as channel,
    ):
        outcomes = [await handed_over(channel, PAYLOAD, is_at_once=number > 0) for number in range(3)]
    assert outcomes == [Delivered(250, "2.0.0 OK: queued"), outcome, Delivered(250, "2.0.0 OK: queued")]
    assert server.connections == 1


async def test_a_kept_connection_that_ends_at_the_next_message_is_replaced() -> None:
    """Nobody notices, but that it takes a connection more."""
    outcomes, server = await send(*GOOD, (ALL_AT_ONCE, b""), times=2, ends=True)
    assert outcomes == [Delivered(250, "2.0.0 OK: queued")] * 2
    assert server.connections == 2


async def test_a_connection_lost_behind_the_message_leaves_it_open_what_became_of_it() -> None:
    """No matter whether a task waits for the answer; it is tried again, later."""
    outcomes, server = await send(*GOOD, GOOD[0], (b"\r\n.\r\n", b""), times=2, ends=True)
    assert outcomes[0] == Delivered(250, "2.0.0 OK: queued")
    assert isinstance(outcomes[1], Retry)
    assert outcomes[1].reason is Reason.CONNECTION
    assert server.connections == 1


async def test_a_message_without_a_task_has_the_time_limit_of_any_other() -> None:
    """Then its connection is given up, and the next message gets another one."""
    async with Scripted(*GOOD, GOOD[0]).listening() as server:
        raw = mail(f"smtp://127.0.0.1:{server.port}", timeout="1s")
        async with opened("email", raw) as channel:
            assert isinstance(await handed_over(channel, PAYLOAD), Delivered)
            found = await handed_over(channel, PAYLOAD, is_at_once=True)
            assert isinstance(found, Retry)
            assert found.reason is Reason.TIMEOUT
            assert isinstance(await handed_over(channel, PAYLOAD, is_at_once=False), Delivered)
    assert server.connections == 2


async def test_closing_gives_up_what_is_under_way() -> None:
    """Nobody hears of it any more, and no connection is left."""
    came: list[object] = []
    async with Scripted(*GOOD, GOOD[0]).listening() as server:
        async with opened("email", mail(f"smtp://127.0.0.1:{server.port}")) as channel:
            assert isinstance(channel, Prompt)
            assert isinstance(await handed_over(channel, PAYLOAD), Delivered)
            assert channel.send_at_once(PAYLOAD, DELIVERY, came.append)
        await asyncio.sleep(0.01)
        assert server.heard[-1] == b""
    assert not came


async def test_a_refused_sender_is_known_before_the_rest_is_answered() -> None:
    """Nobody waits for answers that a server may have forgotten with the sender."""
    async with asyncio.timeout(5):
        (found,), server = await send((ALL_AT_ONCE, b"550 5.7.1 not from you\r\n"))
    assert isinstance(found, Rejected)
    assert found.answer == "5.7.1 not from you"
    assert server.heard[2:] == [b""]


@pytest.mark.parametrize("refused", [b"550 5.1.1 no\r\n250 OK\r\n", b"250 OK\r\n452 later\r\n"])
async def test_a_message_follows_at_once_where_one_recipient_is_taken(refused: bytes) -> None:
    """The others are told of in its outcome; where all are refused, no message follows."""
    for answers, heard in ((refused, [PAYLOAD.body + b".\r\n"]), (b"550 no\r\n" * 2, [])):
        both = [b"RCPT TO:<rui@escola.example>\r\n", b"DATA\r\n"]
        dialogue = (
            ALL_AT_ONCE.replace(b"DATA\r\n", b"".join(both)),
            b"250 OK\r\n" + answers + b"354 go on\r\n",
        )
        async with Scripted(dialogue, (b"\r\n.\r\n", QUEUED)).listening() as server:
            async with opened("email", mail(f"smtp://127.0.0.1:{server.port}")) as channel:
                payload = replace(PAYLOAD, meta={"recipients": ["maria@aluna.example", "rui@escola.example"]})
                found = await handed_over(channel, payload)
            is_taken = isinstance(found, Delivered) or (isinstance(found, Retry) and found.partly is not None)
            assert is_taken is bool(heard)
        assert server.heard[2 : 2 + len(heard)] == heard


@pytest.mark.parametrize("pipelining", [False, True])
async def test_patience_is_for_a_server_that_says_nothing(pipelining: bool) -> None:
    """One that has begun to answer may take its time: it may be looking the recipient up, or for viruses."""
    async with silent(pipelining=pipelining) as session:
        with pytest.raises(SMTPServerDisconnected):
            await session.begin(ENVELOPE, patience_s=0.01)
        assert not session.is_ready
    async with silent(pipelining=pipelining) as session:
        beginning = asyncio.create_task(session.begin(ENVELOPE, patience_s=0.01))
        await asyncio.sleep(0)
        session.data_received(b"250-")
        await asyncio.sleep(0.02)
        assert not beginning.done()
        session.data_received(b"OK\r\n250 OK\r\n" + b"550 no\r\n" * (2 if pipelining else 0))
        await beginning


async def test_replies_come_in_any_pieces() -> None:
    """Several lines in a reply, a reply without text, bare line feeds, several replies at once."""
    (found,), _ = await send(
        (ALL_AT_ONCE, b"250-first\r\n250-second\r\n250 third\r\n250\r\n354 go on\n"),
        (b"\r\n.\r\n", b"250-2.0.0 it is\r\n250 2.0.0 queued\r\n"),
        ends=True,
    )
    assert found == Delivered(250, "2.0.0 it is 2.0.0 queued")


async def test_a_server_that_takes_a_message_for_nobody_gets_none() -> None:
    """All recipients are refused and DATA is not: the connection is given up, and the refusal stands."""
    (found,), server = await send((ALL_AT_ONCE, b"250 OK\r\n550 5.1.1 unknown\r\n354 go on\r\n"))
    assert found == Rejected(Reason.CLIENT, 550, "5.1.1 unknown", bounced=("maria@aluna.example",))
    assert server.heard[2] == b""


async def test_a_refusal_counts_when_the_connection_ends_behind_it() -> None:
    """One reply was owed that never came."""
    (found,), _ = await send((ALL_AT_ONCE, b"250 OK\r\n450 4.2.0 greylisted\r\n"), ends=True)
    assert found == Retry(Reason.SERVER, 450, "4.2.0 greylisted", own=True)


@pytest.mark.parametrize(
    "said",
    [
        b"what?\r\n",
        b"2500 OK\r\n",
        b"99 x\r\n",
        b"250-" + b"x" * REPLY_BYTES + b"\r\n",
        b"\x00\xff\r\n",
        b"\r\n",
    ],
)
async def test_what_is_no_reply_is_tried_again(said: bytes) -> None:
    """Nothing is handed over to whatever this is."""
    (found,), server = await send((ALL_AT_ONCE, said))
    assert isinstance(found, Retry)
    assert b"hello" not in b"".join(server.heard)


MAIL, RCPT = (b"MAIL FROM:<ola@escola.example>\r\n", b"250 OK\r\n"), b"RCPT TO:<maria@aluna.example>\r\n"


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(
    "dialogue",
    [
        [(ALL_AT_ONCE, b"250 OK\r\n250 OK\r\n250 queued\r\n")],
        [(ALL_AT_ONCE, b"250 OK\r\n250 OK\r\n250 OK\r\n354 go on\r\n")],
        [(ALL_AT_ONCE, b"250 OK\r\n250 OK\r\n300 what\r\n")],
    ],
)
async def test_a_yes_before_the_message_was_sent_is_none(
    dialogue: Sequence[tuple[bytes, bytes]], times: int
) -> None:
    """One that answers a command twice, for example, has taken nothing yet; nor over a kept connection."""
    before = GOOD if times > 1 else ()
    outcomes, server = await send(*before, *dialogue, times=times)
    assert outcomes[-1] == Retry(
        Reason.SERVER, answer="the mail server is out of step: it said yes to a message before that was sent"
    )
    assert server.connections == 1
    assert PAYLOAD.body.strip() not in b"".join(server.heard[len(before) + 1 :])


async def test_a_yes_to_data_is_none_where_commands_go_one_by_one() -> None:
    """As above."""
    plain = Scripted(MAIL, (RCPT, b"250 OK\r\n"), (b"DATA\r\n", b"250 queued\r\n"))
    plain.dialogue[0] = (b"EHLO escola.example\r\n", b"250 mail.test\r\n")
    async with (
        plain.listening() as server,
        opened("email", mail(f"smtp://127.0.0.1:{server.port}")) as channel,
    ):
        found = await handed_over(channel, PAYLOAD)
    assert isinstance(found, Retry)


async def test_words_between_messages_end_a_kept_connection() -> None:
    """A server that leaves says so; that is no answer to the next message."""
    taken = (b"\r\n.\r\n", QUEUED + b"421 4.4.2 idle for too long\r\n")
    outcomes, server = await send((ALL_AT_ONCE, b"250 OK\r\n250 OK\r\n354 go on\r\n"), taken, times=2)
    assert [type(found) for found in outcomes] == [Delivered, Delivered]
    assert server.connections == 2


async def test_an_address_cannot_add_a_command() -> None:
    """Even if one got by the checks of addresses."""
    async with Scripted().listening() as server:
        async with opened("email", mail(f"smtp://127.0.0.1:{server.port}")) as channel:
            payload = Payload(
                body=b"x", meta={"recipients": ["maria@aluna.example>\r\nRCPT TO:<rui@x.example"]}
            )
            found = await handed_over(channel, payload)
        assert isinstance(found, Rejected)
        assert found.reason is Reason.INVALID
    assert b"rui@" not in b"".join(server.heard)


@given(st.binary() | st.text("\r\n.a").map(str.encode))
@example(b"")
@example(b".")
@example(b"\r\n.\r\n")
@example(b"a\n.\nMAIL FROM:<x@y.example>\n")
def test_a_message_ends_where_it_ends(message: bytes) -> None:
    """Whatever is in it: one end, no bare line ends, and a server reads its lines as they were."""
    sent = stuffed(message)
    assert sent.endswith(b"\r\n.\r\n") or sent in (b"\r\n.\r\n", b".\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", sent)
    lines = sent.removesuffix(b".\r\n").split(b"\r\n")
    assert b"." not in lines
    read = b"\r\n".join(line.removeprefix(b".") for line in lines)
    lines_before = re.split(rb"\r\n|\r|\n", message)
    assert read.split(b"\r\n")[:-1] == (
        lines_before if lines_before[-1] or not message else lines_before[:-1]
    )
