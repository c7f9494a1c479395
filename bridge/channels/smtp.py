"""Kept connections to one SMTP server, one message at a time on each, and what its answers mean.

RFC 5321 for the dialogue, RFC 3207 for STARTTLS. A login never travels in clear beyond this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal

from aiosmtplib import SMTP, SMTPDataError, SMTPException, SMTPHeloError, SMTPRecipientRefused

from bridge.channels.guard import AllowPrivate
from bridge.channels.http import Shared
from bridge.channels.smtp_answers import (
    Insecure,
    LostAfterData,
    NoTls,
    NotUtf8,
    accepted,
    outcome_of_error,
    refused,
)
from bridge.core.outcomes import Outcome

Tls = Literal["auto", "starttls", "implicit", "none"]
IDLE_S = 30.0
"""How long a connection is kept without a message; servers wait minutes, some only seconds."""
MESSAGES_PER_CONNECTION = 100
"""After so many messages a new connection is made, since many servers count."""
_STALE_S = 5.0
"""How long a kept connection may take to answer before another one is made."""
_GOODBYE_S = 2.0


@dataclass(frozen=True, slots=True)
class Server:
    """Where an SMTP server is and how to talk to it; `hello` is our name, `ca_file` what is trusted there."""

    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    tls: Tls = "auto"
    ca_file: str | None = None
    hello: str = "localhost"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message, from whom, and to whom it goes whatever its header says."""

    sender: str
    recipients: tuple[str, ...]
    message: bytes = field(repr=False)

    @property
    def options(self) -> tuple[str, ...]:
        """What MAIL must ask for: addresses beyond ASCII need SMTPUTF8 (RFC 6531)."""
        return () if all(address.isascii() for address in (self.sender, *self.recipients)) else ("SMTPUTF8",)


@dataclass(slots=True)
class _Kept:
    smtp: SMTP
    since: float
    messages: int = 0


class Relay:
    """Sends through one server."""

    def __init__(self, server: Server, shared: Shared, allow: AllowPrivate, *, size: int) -> None:
        """`size` is how many connections there may be at once."""
        self._server = server
        self._shared = shared
        self._allow = allow
        self._places = asyncio.Semaphore(size)
        self._idle: list[_Kept] = []
        self._context: ssl.SSLContext | None = None

    async def send(self, envelope: Envelope, *, limit_s: float) -> Outcome:
        """Hand one message over; never raises but for cancellation."""
        hidden = (self._server.password, *envelope.recipients)
        try:
            async with asyncio.timeout(limit_s), self._places:
                return await self._sent(envelope, hidden)
        except (SMTPException, OSError, ValueError) as error:
            return outcome_of_error(error, hidden)

    async def close(self) -> None:
        """Say goodbye on every connection that is kept, and close it."""
        while self._idle:
            await _goodbye(self._idle.pop().smtp)

    async def _sent(self, envelope: Envelope, hidden: tuple[str, ...]) -> Outcome:
        kept = await self._begun(envelope)
        try:
            outcome = await _handed_over(kept.smtp, envelope, hidden)
        except BaseException:
            _drop(kept.smtp)
            raise
        kept.messages += 1
        kept.since = self._shared.clock.monotonic()
        self._idle.append(kept)
        return outcome

    async def _begun(self, envelope: Envelope) -> _Kept:
        """Return a connection on which the message has begun (MAIL), a kept one if it still answers."""
        if kept := await self._usable():
            try:
                async with asyncio.timeout(_STALE_S):
                    await _begin(kept.smtp, envelope)
            except (SMTPException, OSError):
                _drop(kept.smtp)  # whatever it says: a new one says it again, or works
            except BaseException:
                _drop(kept.smtp)
                raise
            else:
                return kept
        smtp = await self._opened()
        try:
            await _begin(smtp, envelope)
        except BaseException:
            _drop(smtp)
            raise
        return _Kept(smtp, self._shared.clock.monotonic())

    async def _usable(self) -> _Kept | None:
        now = self._shared.clock.monotonic()
        while self._idle:
            kept = self._idle.pop()
            if (
                kept.smtp.is_connected
                and now - kept.since < IDLE_S
                and kept.messages < MESSAGES_PER_CONNECTION
            ):
                return kept
            await _goodbye(kept.smtp)
        return None

    async def _opened(self) -> SMTP:
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
        return smtp

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


async def _hello(smtp: SMTP) -> None:
    try:
        await smtp.ehlo()
    except SMTPHeloError:
        await smtp.helo()


async def _begin(smtp: SMTP, envelope: Envelope) -> None:
    if envelope.options and not smtp.supports_extension("smtputf8"):
        raise NotUtf8
    await smtp.mail(envelope.sender, options=envelope.options, encoding="utf-8")


async def _handed_over(smtp: SMTP, envelope: Envelope, hidden: tuple[str, ...]) -> Outcome:
    """Name the recipients and hand the message over to those that are taken."""
    refusals = []
    for recipient in envelope.recipients:
        try:
            await smtp.rcpt(recipient, encoding="utf-8")
        except SMTPRecipientRefused as refusal:
            refusals.append(refusal)
    if len(refusals) == len(envelope.recipients):
        await _reset(smtp)
        return refused(refusals, hidden)
    try:
        response = await smtp.data(envelope.message)
    except SMTPDataError as error:
        await _reset(smtp)
        return outcome_of_error(error, hidden)
    except (SMTPException, OSError) as error:
        raise LostAfterData from error
    return accepted(response, refusals, len(envelope.recipients), hidden)


async def _reset(smtp: SMTP) -> None:
    """Make a connection ready for the next message, or give it up; the outcome of this one is known."""
    try:
        await smtp.rset()
    except (SMTPException, OSError):
        _drop(smtp)


async def _goodbye(smtp: SMTP) -> None:
    transport = smtp.transport
    try:
        await smtp.quit(timeout=_GOODBYE_S)
    except (SMTPException, OSError):
        pass  # it is closed all the same
    finally:
        _drop(smtp)
        if transport is not None:
            _abort(transport)
        await asyncio.sleep(0)  # the transport gives its socket back in the loop's next turn


def _drop(smtp: SMTP) -> None:
    """Close a connection at once, without waiting for the other side's leave."""
    transport = smtp.transport
    smtp.close()
    if transport is not None:
        _abort(transport)


def _abort(transport: asyncio.BaseTransport) -> None:
    if isinstance(transport, asyncio.WriteTransport):
        # Early releases of Python 3.11 raise it for a TLS connection that is gone already.
        with contextlib.suppress(AttributeError):
            transport.abort()
