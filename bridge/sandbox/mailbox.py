"""A mail server on a free loopback port that keeps every message and passes none on."""

from __future__ import annotations

import asyncio

from aiosmtpd.smtp import SMTP, Envelope, Session

from bridge.core.readable import read_mail
from bridge.sandbox.arrivals import Arrivals

LOOPBACK = "127.0.0.1"
MESSAGE_LIMIT = 10 * 1024 * 1024
"""Bytes of one message, as usual mail servers have it."""


class Mailbox:
    """The server, between `open` and `close`.

    aiosmtpd's own controller would run in a thread and needs a port chosen beforehand; its protocol runs
    here in the bridge's loop, on a port that the system gives.
    """

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The address for an e-mail channel's `smtp:`; there while the mailbox is open."""
        assert self._server is not None, "the mailbox is not open"  # noqa: S101
        return f"smtp://{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}"

    async def open(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self._connections, self), LOOPBACK, 0)

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is None:
            return
        self._server.close()
        await asyncio.gather(*(connection.end() for connection in tuple(self._connections)))
        await self._server.wait_closed()
        self._server = None

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep one message; aiosmtpd calls this by its name."""
        raw = envelope.original_content or b""
        mail = read_mail(raw)
        recipients = ", ".join(envelope.rcpt_tos)
        self._arrivals.add("email", to=recipients, title=mail.header("subject"), content=mail, raw=raw)
        return "250 2.0.0 kept, and passed on to nobody"


class _Connection(SMTP):
    """One client, known to the mailbox so that closing can wait for it."""

    def __init__(self, connections: set[_Connection], handler: Mailbox) -> None:
        super().__init__(
            handler,
            data_size_limit=MESSAGE_LIMIT,
            enable_SMTPUTF8=True,
            hostname="mailbox.localhost",
            ident="sandbox",
            timeout=60,
            loop=asyncio.get_running_loop(),
        )
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._connections.discard(self)

    async def end(self) -> None:
        """Close, and wait until aiosmtpd's task for this client is over."""
        if self.transport is not None:
            self.transport.close()
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()
            await asyncio.wait({self._handler_coroutine})
