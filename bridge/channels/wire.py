"""One connection to a web server: a request in one write, and one answer, which llhttp reads (RFC 9112).

What comes is bounded in bytes and time. An answer that breaks off behind its head still is one.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from math import inf
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from msgspec import Struct

from bridge.channels.answers import NoAnswer, NotHttp
from bridge.channels.sockets import given_up

ANSWER_BYTES = 64 * 1024
"""How much of an answer is read, its head included; whoever needs more is no receiver of webhooks."""
REMEMBERED_ANSWERS, REMEMBERED_BYTES = 300, 1000
"""How many whole answers are remembered until all are forgotten, and how long one may be."""
_SWITCHING = 101


class Reply(Struct, frozen=True):
    """What a server answered, as it came; `body` is its beginning, unless it is `whole`.

    A body that only the connection's end ends is never known to be.
    """

    status: int
    retry_after: str | None
    body: bytes
    whole: bool = True


Told = Callable[[Reply | Exception], None]
"""What is called once with an answer or with what came instead: `NoAnswer`, `NotHttp` or TimeoutError."""


class Answers(dict[bytes, Reply]):
    """Whole answers that came, as bytes and as what llhttp read: most answers of a server are the very same.

    Each stood alone between two exchanges, so the same bytes there say the same again.
    """

    def remember(self, said: bytes, reply: Reply) -> None:
        """Remember an answer that came in one piece and left its connection open."""
        if len(said) <= REMEMBERED_BYTES:
            if len(self) == REMEMBERED_ANSWERS:
                self.clear()
            self[said] = reply


class Wire(asyncio.Protocol):
    """A connection that carries one exchange after the other; whoever holds it has it alone."""

    __slots__ = (
        "_answers",
        "_body",
        "_came",
        "_deadline",
        "_parser",
        "_poll",
        "_received",
        "_rests",
        "_retry_after",
        "_rings_at",
        "_status",
        "_timer",
        "_told",
        "_transport",
        "_unsent",
        "fresh",
        "keeps",
        "loop",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, answers: Answers, rests: Callable[[Wire], None]
    ) -> None:
        """`rests` is called when an exchange has ended, before who asked is told."""
        self.loop = loop
        self.keeps = True
        """Whether the last exchange has ended as it should, and left the connection open."""
        self.fresh = True
        """For whoever keeps it: whether it was used of late."""
        self._answers = answers
        self._rests = rests
        self._parser = HttpResponseParser(self)
        self._poll = select.poll()
        self._transport: asyncio.Transport | None = None
        self._unsent: Callable[[], int]
        """How much of the request waits to leave; an answer that comes before leaves the rest behind."""
        self._told: Told | None = None
        self._came: Reply | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = inf
        self._deadline = 0.0
        self._received = 0
        self._status = 0  # none yet
        self._retry_after = ""
        self._body: list[bytes] = []

    @property
    def is_ready(self) -> bool:
        """Whether another request may be sent: nothing has come since the last answer.

        An end of the connection that the event loop has not seen yet counts as something.
        """
        return self.keeps and not self._poll.poll(0)

    def exchange(self, request: bytes, deadline: float, told: Told) -> None:
        """Send a request; `told` is called when it is answered, or nothing has decided at the end.

        That is `deadline`, by the loop's clock, at the latest. It is called within this call only if the
        connection is gone already.
        """
        if self._received:
            self._received = self._status = 0
            self._retry_after = ""
            self._body = []
            self._came = None
        self._told = told
        self.keeps = False  # until it has ended well
        if self._transport is None:
            self._broke_off(NoAnswer())
            return
        self._deadline = deadline
        if deadline < self._rings_at:
            self._watch()
        self._transport.write(request)

    def give_up(self) -> None:
        """Close the connection at once."""
        self.keeps = False
        self._unwatch()
        given_up(self._transport)

    # ---- what the event loop calls ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hold the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._unsent = self._transport.get_write_buffer_size
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._told is None:
            self.give_up()  # nobody asked
            return
        known = None if self._received else self._answers.get(data)
        if known is not None:
            self.keeps = not self._unsent()
            self._end(known)
        else:
            self._parse(data)

    def eof_received(self) -> None:
        """Use the connection no more, which is closed for that."""
        self.keeps = False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # why is not what matters
        """End an exchange that is under way."""
        self._transport = None
        self._unwatch()
        self._broke_off(NoAnswer())

    # ---- what the parser calls ----

    def on_message_begin(self) -> None:
        """Begin an answer; a second one to the same request spoils the connection."""
        if self._came is not None:
            self.keeps = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take the one header that matters, its first occurrence, and no trailer."""
        if not self._status and not self._retry_after and name.lower() == b"retry-after":
            self._retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Take the status, unless more is to come (RFC 9110, section 15.2)."""
        status = self._parser.get_status_code()
        if status >= 200 or status == _SWITCHING:
            self._status = status
        else:
            self._retry_after = ""

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if self._status and self._came is None:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Have the answer."""
        if self._came is not None or not self._status:
            return
        self.keeps = not self._unsent() and self._parser.should_keep_alive()
        self._came = self._answered(whole=True)

    def _parse(self, data: bytes) -> None:
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.keeps = False
        except HttpParserError:
            self._broke_off(NotHttp())
        else:
            if self._came is None and self._received > ANSWER_BYTES:
                self._broke_off(NotHttp())
        if self._came is not None:  # told only now: what else is in the data belongs to nobody's next request
            if self.keeps and self._received == len(data):
                self._answers.remember(data, self._came)
            self._end(self._came)

    def _watch(self) -> None:
        """Wait for the deadline. One timer serves many exchanges: one for each were a fifth of all cost."""
        self._unwatch()
        self._rings_at = self._deadline
        self._timer = self.loop.call_at(self._deadline, self._looked)

    def _unwatch(self) -> None:
        self._rings_at = inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _looked(self) -> None:
        self._rings_at, self._timer = inf, None
        if self._told is None:
            return
        if self._deadline <= self.loop.time():
            self._broke_off(TimeoutError())
        else:
            self._watch()

    def _broke_off(self, error: Exception) -> None:
        """End the exchange with what has come, if it decides."""
        self.keeps = False
        if self._told is not None:
            self._end(self._came or (self._answered(whole=False) if self._status else error))

    def _answered(self, *, whole: bool) -> Reply:
        body = b"".join(self._body)[:ANSWER_BYTES]
        return Reply(self._status, self._retry_after or None, body, whole)

    def _end(self, came: Reply | Exception) -> None:
        told, self._told = self._told, None
        if told is not None:
            self.fresh = True
            self._rests(self)
            told(came)
