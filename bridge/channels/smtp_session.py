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
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

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
_OUT_OF_STEP = "the mail server is out of step: it said yes to a message before that was sent"
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
        return "".join((self.sender, *self.recipients)).isascii()


class Session(asyncio.Protocol):
    """Takes over an open connection; whoever holds it has it alone."""

    def __init__(self, transport: asyncio.Transport, *, pipelining: bool, utf8: bool, now: float) -> None:
        """`pipelining` and `utf8` are what the server offers; `now` is by the monotonic clock."""
        self.messages = 0
        self.since = now
        self._transport: asyncio.Transport | None = transport
        self._pipelining = pipelining
        self._utf8 = utf8
        self._rest = b""
        """What has come of a line."""
        self._lines: list[bytes] = []
        """What has come of a reply of several lines."""
        self._is_unasked = False
        """Whether it has said what nobody asked for."""
        self._replies: deque[SMTPResponse] = deque()
        self._owed = 0
        self._ahead: bytes | None = None
        """A message that is sent the moment the server has agreed to it."""
        self._is_sent_ahead = False
        self._patience: asyncio.TimerHandle | None = None
        self._lost: SMTPException | None = None
        self._told: Callable[[], None] | None = None
        """What is called once when something is decided."""
        transport.set_protocol(self)

    @property
    def is_ready(self) -> bool:
        """Whether another message may begin."""
        return self._lost is None and not (self._owed or self._rest or self._lines)

    def start(self, envelope: Envelope, told: Callable[[], None] | None = None) -> None:
        """Name the sender. Raises `NotUtf8`, or SMTPServerDisconnected.

        Where commands need not wait, the message follows as soon as it may. `told` is called once, when its
        answer is there or something else is decided.
        """
        if not (self._utf8 or envelope.is_ascii):
            raise NotUtf8
        commands = [_mail(envelope)]
        if self._pipelining:
            commands += [*map(_rcpt, envelope.recipients), b"DATA\r\n"]
        self._say(*commands)
        if self._pipelining:
            self._ahead = stuffed(envelope.message)
        self._told = told

    def has_taken(self, envelope: Envelope) -> SMTPResponse | None:
        """Return the answer to a message that was started, if all that came is good; it has ended then.

        None says that it goes on with `begun`.
        """
        if len(self._replies) != len(envelope.recipients) + 3 or not self._is_sent_ahead or self._lost:
            return None
        *_, last = self._replies
        if not (all(map(_good, islice(self._replies, len(envelope.recipients) + 1))) and _good(last)):
            return None
        self._replies.clear()
        self._is_sent_ahead = False
        return last

    async def begin(self, envelope: Envelope, *, patience_s: float | None = None) -> None:
        """Name the sender, and hear the answer. Raises what `start` and `begun` do.

        A server that says nothing at all for `patience_s` is given up.
        """
        self.start(envelope)
        if patience_s is not None:
            self._patience = asyncio.get_running_loop().call_later(patience_s, self.give_up)
        await self.begun(envelope)

    async def begun(self, envelope: Envelope) -> None:
        """Hear the answer to the sender. Raises SMTPSenderRefused, or what `reply` does.

        Where commands need not wait, this returns no sooner than the message's answer is there.
        """
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
        """Send the message. Raises SMTPDataError for a refusal, `LostAfterData` if no answer came.

        SMTPResponseException is for a server that is out of step: whatever it takes is not this message.
        """
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
        elif answer.code < 400:
            raise SMTPResponseException(_NO_REPLY, _OUT_OF_STEP)
        if not _good(answer):
            await self._reset()
            raise SMTPDataError(answer.code, answer.message)
        return answer

    @property
    def is_silent(self) -> bool:
        """Whether nothing at all has been answered of what was asked."""
        return not (self._replies or self._lines or self._rest)

    def forget(self) -> None:
        """Tell nobody of what comes."""
        self._told = None

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
        self._is_heard()
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not all(map(self._is_reply, lines)):
            self._end(SMTPResponseException(_NO_REPLY, "what came is no reply of a mail server"))
        if self._is_unasked or self._rest or self._lines:
            self._bound()
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
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._told = partial(_wake_up, waiter)
            await waiter
        return self._replies.popleft()

    def _bound(self) -> None:
        """Give a server up that speaks without being asked, or too long."""
        unasked = self._is_unasked or (self._rest and not self._owed)
        if unasked or len(self._rest) + sum(map(len, self._lines)) > REPLY_BYTES:
            self.give_up()

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

    def _is_reply(self, line: bytes) -> bool:
        """Take in a line, and the reply that it ends; return whether it can be one of a reply."""
        if not self._owed:
            self._is_unasked = True
            return True
        if not _REPLY.match(line):
            return False
        self._lines.append(line[4:].strip())
        if line[3:4] != b"-":
            text = b"\n".join(self._lines).decode("utf-8", "surrogateescape")
            self._replies.append(SMTPResponse(int(line[:3]), text))
            self._lines.clear()
            self._owed -= 1
        return True

    def _end(self, lost: SMTPException) -> None:
        self._lost = self._lost or lost
        self._wake()

    def _wake(self) -> None:
        told = self._told
        if told is not None and self._is_news:
            self._told = None
            told()

    @property
    def _is_news(self) -> bool:
        """Whether what has come decides something: all that was asked is answered, or the sender refused."""
        if not self._replies or self._lost is not None:
            return self._lost is not None
        return not self._owed or (self._ahead is not None and not _good(self._replies[0]))


def _wake_up(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():  # else who waited was cancelled
        waiter.set_result(None)


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
