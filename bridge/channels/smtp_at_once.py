"""Messages handed over on kept connections without a task for each; one timer watches over all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiosmtplib import SMTPResponse

from bridge.channels.smtp_session import Envelope, Session

Came = SMTPResponse | TimeoutError | None
"""The answer to a message that was taken, the end of its time, or None where it is not as simple as that."""


class UnderWay:
    """One message on its way; `told` hears its outcome."""

    __slots__ = ("_ended", "deadline", "due", "envelope", "session", "told")

    def __init__(
        self,
        session: Session,
        envelope: Envelope,
        told: Callable[[Any], None],
        ended: Callable[[UnderWay, Came], None],
    ) -> None:
        """`deadline` is by the event loop's clock; `due` is when the connection is looked at."""
        self.session = session
        self.envelope = envelope
        self.told = told
        self.deadline = self.due = 0.0
        self._ended = ended

    def heard(self) -> None:
        """Take what the session has heard."""
        self._ended(self, self.session.has_taken(self.envelope))

    def look(self, now: float) -> None:
        """End what takes too long; a connection that says nothing at all is given up before."""
        if now >= self.deadline:
            self.session.forget()
            self._ended(self, TimeoutError())
        elif self.session.is_silent:
            self.session.give_up()
        else:
            self.due = self.deadline


class AtOnce:
    """What one relay has under way without tasks."""

    def __init__(self, limit_s: float, stale_s: float, ended: Callable[[UnderWay, Came], None]) -> None:
        """`limit_s` is how long a message may take, `stale_s` how long a connection may say nothing at all.

        `ended` hears of each message once.
        """
        self._limit_s = limit_s
        self._stale_s = stale_s
        self._ended = ended
        self._messages: dict[UnderWay, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def send(self, session: Session, envelope: Envelope, told: Callable[[Any], None]) -> None:
        """Begin a message; raises what `Session.start` does."""
        loop = self._loop = self._loop or asyncio.get_running_loop()
        message = UnderWay(session, envelope, told, self._has_ended)
        session.start(envelope, message.heard)
        now = loop.time()
        message.deadline = now + self._limit_s
        message.due = min(now + self._stale_s, message.deadline)
        self._messages[message] = None
        if self._timer is None:
            self._timer = loop.call_at(message.due, self._look, loop)

    def give_up(self) -> None:
        """End all of it; nobody hears of it any more."""
        for message in self._messages:
            message.session.forget()
            message.session.give_up()
        self._messages.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _has_ended(self, message: UnderWay, came: Came) -> None:
        del self._messages[message]
        self._ended(message, came)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self._timer = None
        for message in [each for each in self._messages if each.due <= now]:
            message.look(now)
        if self._messages:
            self._timer = loop.call_at(min(each.due for each in self._messages), self._look, loop)
