"""Kept connections to one SMTP server, one message at a time on each, and what its answers mean.

RFC 3207 for STARTTLS. A login never travels in clear beyond this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from ipaddress import ip_address
from typing import cast

from aiosmtplib import SMTP, SMTPDataError, SMTPException, SMTPHeloError, SMTPResponse
from msgspec import Struct

from bridge.channels.answers import spellings
from bridge.channels.guard import AllowPrivate
from bridge.channels.http import Shared
from bridge.channels.smtp_answers import (
    Hidden,
    Insecure,
    NoTls,
    accepted,
    outcome_of_error,
    refused,
    refused_whole,
)
from bridge.channels.smtp_at_once import AtOnce, Came, UnderWay
from bridge.channels.smtp_server import Server
from bridge.channels.smtp_session import Envelope, Session
from bridge.channels.sockets import given_up
from bridge.core.outcomes import Outcome
from bridge.time_limit import TimeLimit

IDLE_S = 30.0
"""How long a connection is kept without a message; servers wait minutes, some only seconds."""
MESSAGES_PER_CONNECTION = 100
"""After so many messages a new connection is made, since many servers count."""
_STALE_S = 5.0
"""How long a kept connection may take to answer before another one is made."""


class Taken(Struct, frozen=True):
    """The answer to a message that was taken for all its recipients."""

    answer: SMTPResponse
    recipients: tuple[str, ...]


Heard = Taken | Outcome | Exception
"""What came of a message that was sent at once."""


class Relay:
    """Sends through one server."""

    def __init__(
        self, server: Server, shared: Shared, allow: AllowPrivate, *, size: int, limit_s: float
    ) -> None:
        """`size` is how many connections there may be at once, `limit_s` how long a message may take."""
        self._server = server
        self._login = spellings((server.password,))
        self._shared = shared
        self._allow = allow
        self._places = asyncio.Semaphore(size)
        self._limit = TimeLimit(limit_s)
        self._idle: list[Session] = []
        self._at_once = AtOnce(limit_s, _STALE_S, self._ended)
        self._finishing: set[asyncio.Task[None]] = set()
        self._context: ssl.SSLContext | None = None

    async def send(self, envelope: Envelope) -> Outcome:
        """Hand one message over; never raises but for cancellation."""
        hidden = Hidden(self._login, envelope.recipients)
        try:
            with self._limit:
                async with self._places:
                    return await self._sent(envelope, hidden)
        except (SMTPException, OSError, ValueError) as error:
            return outcome_of_error(error, hidden)

    def send_at_once(self, envelope: Envelope, told: Callable[[Heard], None]) -> bool:
        """Hand one message over on a connection that is at hand; say whether there was one.

        If so, `told` is called once, within the time limit, with what `outcome` reads. Raises what
        `Session.start` does.
        """
        session = self._idle[-1] if self._idle else None
        if session is None or self._places.locked() or not self._is_usable(session):
            return False
        self._at_once.send(session, envelope, told)
        self._idle.pop()
        _take_at_once(self._places)
        return True

    def outcome(self, came: Heard) -> Outcome:
        """Return what came of a message that was sent at once; raises an error that is ours."""
        if isinstance(came, Exception):
            raise came
        if isinstance(came, Taken):
            hidden = Hidden(self._login, came.recipients)
            return accepted(came.answer, (), len(came.recipients), hidden)
        return came

    async def close(self) -> None:
        """Say goodbye on every connection that is kept, and close it; what is under way is given up."""
        self._at_once.give_up()
        for task in self._finishing:
            task.cancel()
        await asyncio.gather(*self._finishing, return_exceptions=True)
        while self._idle:
            await self._idle.pop().leave()

    def _ended(self, message: UnderWay, came: Came) -> None:
        """Go on with a message that no task waited for."""
        if came is None:
            task = asyncio.get_running_loop().create_task(self._finish(message))
            self._finishing.add(task)
            task.add_done_callback(self._finishing.discard)
            return
        self._places.release()
        recipients = message.envelope.recipients
        if isinstance(came, TimeoutError):
            message.session.give_up()
            message.told(outcome_of_error(came, Hidden(self._login, recipients)))
        else:
            self._keep(message.session)
            message.told(Taken(came, recipients))

    async def _finish(self, message: UnderWay) -> None:
        """Do in a task what is left of a message that has begun."""
        hidden = Hidden(self._login, message.envelope.recipients)
        heard: Heard
        try:
            async with asyncio.timeout_at(message.deadline):
                heard = await self._sent(message.envelope, hidden, message.session)
        except (SMTPException, OSError, ValueError) as error:
            heard = outcome_of_error(error, hidden)
        except Exception as error:  # noqa: BLE001 - whoever asks for the outcome says so
            heard = error
        finally:
            self._places.release()
        message.told(heard)

    async def _sent(self, envelope: Envelope, hidden: Hidden, begun: Session | None = None) -> Outcome:
        """Send a message; `begun` is the session in which it has begun already."""
        session = await self._begun(envelope, begun)
        try:
            outcome = await _handed_over(session, envelope, hidden)
        except BaseException:
            session.give_up()
            raise
        self._keep(session)
        return outcome

    def _keep(self, session: Session) -> None:
        session.messages += 1
        session.since = self._shared.clock.monotonic()
        self._idle.append(session)

    async def _begun(self, envelope: Envelope, begun: Session | None) -> Session:
        """Return a session in which the message has begun, a kept one if it still answers."""
        if session := begun or await self._usable():
            try:
                if begun is None:
                    await session.begin(envelope, patience_s=_STALE_S)
                else:
                    await session.begun(envelope)
            except (SMTPException, OSError):
                session.give_up()  # whatever it says: a new one says it again, or works
            except BaseException:
                session.give_up()
                raise
            else:
                return session
        session = await self._opened()
        try:
            await session.begin(envelope)
        except BaseException:
            session.give_up()
            raise
        return session

    async def _usable(self) -> Session | None:
        while self._idle:
            session = self._idle.pop()
            if self._is_usable(session):
                return session
            await session.leave()
        return None

    def _is_usable(self, session: Session) -> bool:
        if not session.is_ready or session.messages >= MESSAGES_PER_CONNECTION:
            return False
        return self._shared.clock.monotonic() - session.since < IDLE_S

    async def _opened(self) -> Session:
        server = self._server
        context = await self._tls_context()
        sock = await self._shared.connected(server.host, server.port, self._allow)
        smtp = SMTP(
            hostname=server.host,
            sock=sock,
            use_tls=server.tls == "implicit",
            start_tls=False,  # decided below
            tls_context=context,
            local_hostname=server.hello,
            timeout=None,  # `send` has one for everything
        )
        try:
            local = ip_address(sock.getpeername()[0].partition("%")[0]).is_loopback
            await smtp.connect()
            await _hello(smtp)
            await self._secured(smtp, local=local)
            if server.user:
                await smtp.login(server.user, server.password)
        except BaseException:
            _drop(smtp)
            sock.close()
            raise
        return self._taken_over(smtp)

    def _taken_over(self, smtp: SMTP) -> Session:
        return Session(
            cast("asyncio.Transport", smtp.transport),
            pipelining=smtp.supports_extension("pipelining"),
            utf8=smtp.supports_extension("smtputf8"),
            now=self._shared.clock.monotonic(),
        )

    async def _secured(self, smtp: SMTP, *, local: bool) -> None:
        """Encrypt with STARTTLS when it is offered; raise where that may not be left out."""
        server = self._server
        if server.tls == "implicit":
            return
        if server.tls != "none" and smtp.supports_extension("starttls"):
            await smtp.starttls()
            await _hello(smtp)
        elif server.tls == "starttls" or (server.user and server.tls == "auto" and not local):
            raise NoTls
        elif server.user and not local:
            raise Insecure

    async def _tls_context(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = await asyncio.to_thread(ssl.create_default_context, cafile=self._server.ca_file)
        return self._context


def _take_at_once(places: asyncio.Semaphore) -> None:
    """Take a place of those that are free."""
    with contextlib.suppress(StopIteration):  # nobody has to wait for it, so it ends at once
        places.acquire().send(None)


async def _hello(smtp: SMTP) -> None:
    try:
        await smtp.ehlo()
    except SMTPHeloError:
        await smtp.helo()


async def _handed_over(session: Session, envelope: Envelope, hidden: Hidden) -> Outcome:
    """Name the recipients and hand the message over to those that are taken."""
    refusals = await session.refusals(envelope)
    if len(refusals) == len(envelope.recipients):
        return refused(refusals, hidden)
    try:
        response = await session.hand_over(envelope.message)
    except SMTPDataError as error:
        return refused_whole(error, envelope.recipients, hidden)
    return accepted(response, refusals, len(envelope.recipients), hidden)


def _drop(smtp: SMTP) -> None:
    """Close a connection at once, without waiting for the other side's leave."""
    transport = smtp.transport
    smtp.close()
    given_up(transport)
