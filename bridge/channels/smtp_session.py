"""One session with a mail server, after its greeting: messages handed over, one after the other.

RFC 5321 for the dialogue, RFC 2920 for commands that need not wait for each other's answers. aiosmtplib opens
the session (greeting, STARTTLS, login), but sends one command at a time: four round trips for each message,
where two are enough.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from dataclasses import dataclass, field

from aiosmtplib import (
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponse,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)

from bridge.channels.smtp_answers import LostAfterData, NotUtf8
from bridge.channels.sockets import given_up

REPLY_BYTES = 32 * 1024
"""How long one reply may be."""
GOODBYE_S = 2.0
"""How long a server may take to answer QUIT."""
_GO_ON = 354
_NO_REPLY = -1  # as aiosmtplib numbers it
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_REPLY = re.compile(rb"[2-5][0-9]{2}(?:[ -]|\r?$)")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message, from whom, and to whom it goes whatever its header says."""

    sender: str
    recipients: tuple[str, ...]
    message: bytes = field(repr=False)

    @property
    def is_ascii(self) -> bool:
        """Whether any server understands the addresses; others need SMTPUTF8 (RFC 6531)."""
        return all(address.isascii() for address in (self.sender, *self.recipients))


class Session(asyncio.Protocol):
    """Takes over an open connection; whoever holds it has it alone."""

    def __init__(self, transport: asyncio.Transport, *, pipelining: bool, utf8: bool, now: float) -> None:
        """`pipelining` and `utf8` are what the server offers; `now` is by the monotonic clock."""
        self.messages = 0
        self.since = now
        self._transport: asyncio.Transport | None = transport
        self._pipelining = pipelining
        self._utf8 = utf8
        self._buffer = bytearray()
        self._replies: deque[SMTPResponse] = deque()
        self._owed = 0
        self._ahead: bytes | None = None
        """A message that is sent the moment the server has agreed to it."""
        self._is_sent_ahead = False
        self._patience: asyncio.TimerHandle | None = None
        self._lost: SMTPException | None = None
        self._waiter: asyncio.Future[None] | None = None
        transport.set_protocol(self)

    @property
    def is_ready(self) -> bool:
        """Whether another message may begin."""
        return self._lost is None and not self._owed and not self._buffer

    async def begin(self, envelope: Envelope, *, patience_s: float | None = None) -> None:
        """Name the sender. Raises `NotUtf8`, SMTPSenderRefused, or what `reply` does.

        A server that says nothing at all for `patience_s` is given up. Where commands need not wait, the
        message follows as soon as it may, and this returns no sooner than its answer is there.
        """
        if not (self._utf8 or envelope.is_ascii):
            raise NotUtf8
        commands = [_mail(envelope)]
        if self._pipelining:
            commands += [*map(_rcpt, envelope.recipients), b"DATA\r\n"]
        self._say(*commands)
        if self._pipelining:
            self._ahead = stuffed(envelope.message)
        if patience_s is not None:
            self._patience = asyncio.get_running_loop().call_later(patience_s, self.give_up)
        answer = await self._reply()
        if not _good(answer):
            self._ahead = None
            raise SMTPSenderRefused(answer.code, answer.message, envelope.sender)

    async def refusals(self, envelope: Envelope) -> list[SMTPRecipientRefused]:
        """Name the recipients and return who is refused; if all are, the message has ended."""
        refused = []
        for recipient in envelope.recipients:
            if not self._pipelining:
                self._say(_rcpt(recipient))
            answer = await self._reply()
            if not _good(answer):
                refused.append(SMTPRecipientRefused(answer.code, answer.message, recipient))
        if len(refused) == len(envelope.recipients):
            await self._call_off()
        return refused

    async def hand_over(self, message: bytes) -> SMTPResponse:
        """Send the message. Raises SMTPDataError for a refusal, `LostAfterData` if no answer came."""
        if not self._pipelining:
            self._say(b"DATA\r\n")
        answer = await self._reply()
        if answer.code == _GO_ON:
            if not self._is_sent_ahead:
                self._say(stuffed(message))
            self._is_sent_ahead = False
            try:
                answer = await self._reply()
            except (SMTPException, OSError) as error:
                raise LostAfterData from error
        if not _good(answer):
            await self._reset()
            raise SMTPDataError(answer.code, answer.message)
        return answer

    async def leave(self) -> None:
        """Say goodbye, and close the connection."""
        with contextlib.suppress(SMTPException, OSError):
            async with asyncio.timeout(GOODBYE_S):
                self._say(b"QUIT\r\n")
                await self._reply()
        self.give_up()
        await asyncio.sleep(0)  # the transport gives its socket back in the loop's next turn

    def give_up(self) -> None:
        """Close the connection at once, without waiting for the other side's leave."""
        given_up(self._transport)
        self._is_heard()
        self._end(SMTPServerDisconnected("the connection was given up"))

    # ---- what the event loop calls ----

    def data_received(self, data: bytes) -> None:
        """Take replies; a server that speaks without being asked is leaving."""
        self._buffer += data
        self._is_heard()
        try:
            while self._owed and (reply := self._cut()):
                self._owed -= 1
                self._replies.append(reply)
        except ValueError:
            self._end(SMTPResponseException(_NO_REPLY, "what came is no reply of a mail server"))
        if self._buffer and (not self._owed or len(self._buffer) > REPLY_BYTES):
            self.give_up()
        if self._ahead is not None and not self._owed and self._lost is None:
            self._go_ahead(self._ahead)
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """End what is under way."""
        lost = SMTPServerDisconnected("the connection was lost")
        lost.__cause__ = exc
        self._transport = None
        self._is_heard()
        self._end(lost)

    # ---- helpers ----

    def _say(self, *commands: bytes) -> None:
        if self._transport is None or self._lost is not None:
            raise self._lost or SMTPServerDisconnected("the connection was lost")
        self._owed += len(commands)
        self._transport.write(b"".join(commands))

    async def _reply(self) -> SMTPResponse:
        """Return the next reply. Raises SMTPServerDisconnected, or SMTPResponseException for what is none."""
        while not self._replies:
            if self._lost is not None:
                raise self._lost
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._replies.popleft()

    def _go_ahead(self, message: bytes) -> None:
        """Send the message if the answers to all that was asked before allow it (RFC 2920, section 3.1)."""
        self._ahead = None
        sender, *recipients, data = self._replies
        if _good(sender) and any(map(_good, recipients)) and data.code == _GO_ON:
            self._say(message)
            self._is_sent_ahead = True

    def _is_heard(self) -> None:
        """Note that the server says something, or nothing any more."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    async def _call_off(self) -> None:
        """Make ready for the next message after one that nobody may get; the outcome of this one is known."""
        if not self._pipelining:
            await self._reset()
            return
        with contextlib.suppress(SMTPException, OSError):
            if (await self._reply()).code != _GO_ON:
                await self._reset()
                return
        self.give_up()  # rather than send an empty message to nobody

    async def _reset(self) -> None:
        try:
            self._say(b"RSET\r\n")
            await self._reply()
        except (SMTPException, OSError):
            self.give_up()

    def _cut(self) -> SMTPResponse | None:
        """Return the first whole reply of the buffer; raises ValueError for what is none."""
        start, lines = 0, []
        while (end := self._buffer.find(b"\n", start)) >= 0:
            line = bytes(self._buffer[start:end])
            start = end + 1
            if not _REPLY.match(line):
                raise ValueError("no reply")
            lines.append(line[4:].strip())
            if line[3:4] != b"-":
                del self._buffer[:start]
                return SMTPResponse(int(line[:3]), b"\n".join(lines).decode("utf-8", "surrogateescape"))
        return None

    def _end(self, lost: SMTPException) -> None:
        self._lost = self._lost or lost
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done() and self._is_news:
            self._waiter.set_result(None)

    @property
    def _is_news(self) -> bool:
        """Whether what has come decides something: all that was asked is answered, or the sender refused."""
        if not self._replies or self._lost is not None:
            return self._lost is not None
        return not self._owed or (self._ahead is not None and not _good(self._replies[0]))


def stuffed(message: bytes) -> bytes:
    """Return a message as DATA sends it: CRLF ends lines, dots that begin one are doubled, a dot ends it all.

    RFC 5321, section 4.5.2. Bare line ends would let a message say where it ends.
    """
    lines = b"\r\n".join(message.splitlines())  # at CRLF, CR and LF, as bytes are split
    first = b"." if lines.startswith(b".") else b""
    return b"".join((first, lines.replace(b"\r\n.", b"\r\n.."), b"\r\n.\r\n"))


def _mail(envelope: Envelope) -> bytes:
    return _command("MAIL FROM", envelope.sender, "" if envelope.is_ascii else " SMTPUTF8")


def _rcpt(recipient: str) -> bytes:
    return _command("RCPT TO", recipient)


def _command(words: str, address: str, more: str = "") -> bytes:
    if _CONTROLS.search(address):
        raise ValueError("an address holds no control characters")
    return f"{words}:<{address}>{more}\r\n".encode()


def _good(answer: SMTPResponse) -> bool:
    return 200 <= answer.code < 300
