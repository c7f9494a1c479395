"""A real SMTP server on loopback that records what it is sent and refuses, greylists or hangs up as told."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import ssl
import warnings
from dataclasses import dataclass, field
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "bridge@escola.example", "p@ss:w/rd#1"


@dataclass(frozen=True)
class Mail:
    """One message as it was taken."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    tls: bool
    user: str | None

    @property
    def message(self) -> EmailMessage:
        parsed = email.message_from_bytes(self.content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


@dataclass
class SmtpServer:
    """Takes every message unless a field says otherwise; the fields may be changed while it runs."""

    refuse: dict[str, str] = field(default_factory=dict)
    """Answers to RCPT by recipient: `450 4.2.0 greylisted`."""
    mail_answer: str | None = None
    data_answer: str | None = None
    drop_at: str | None = None
    """Hang up instead of answering `MAIL`, `RCPT`, `RSET` or `DATA` (which then has read the message)."""
    hang_at: str | None = None
    """Say nothing more from there on."""
    tls: ssl.SSLContext | None = None
    """Offer STARTTLS."""
    implicit: ssl.SSLContext | None = None
    login: bool = False
    """Offer and require AUTH."""
    login_in_clear: bool = False
    utf8: bool = True
    pipelining: bool = False
    """Offer to take commands without waiting for answers (RFC 2920)."""

    def __post_init__(self) -> None:
        self.mails: list[Mail] = []
        self.connections = 0
        self.commands: list[str] = []
        self.logins: list[tuple[str, bool]] = []
        self.hellos: list[str] = []
        self.hanging = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._sessions: list[SMTP] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", 0, ssl=self.implicit)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server
        self._server.close()
        self.hang_up()
        await self._server.wait_closed()
        await asyncio.sleep(0.01)

    @property
    def port(self) -> int:
        assert self._server
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"{'smtps' if self.implicit else 'smtp'}://127.0.0.1:{self.port}"

    def hang_up(self) -> None:
        """Drop every connection, as a server does after a while."""
        for session in self._sessions:
            _abort(session.transport)

    def _protocol(self) -> SMTP:
        self.connections += 1
        with warnings.catch_warnings():  # it dislikes AUTH in clear, which is what a test wants
            warnings.simplefilter("ignore")
            return self._session()

    def _session(self) -> SMTP:
        made = SMTP(
            self,
            enable_SMTPUTF8=self.utf8,
            decode_data=False,
            hostname="mail.test",
            tls_context=self.tls,
            authenticator=self._authenticated if self.login else None,
            auth_required=self.login,
            auth_require_tls=not self.login_in_clear and self.implicit is None,
        )
        self._sessions.append(made)
        return made

    async def handle_EHLO(  # noqa: N802  # aiosmtpd finds handlers by name
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.hellos.append(hostname)
        return [responses[0], *(["250-PIPELINING"] if self.pipelining else []), *responses[1:]]

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self._reached("MAIL", server)
        if self.mail_answer:
            return self.mail_answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self._reached("RCPT", server)
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_RSET(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        await self._reached("RSET", server)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        await self._reached("DATA", server)
        if self.data_answer:
            return self.data_answer
        content = envelope.original_content or b""
        sender, recipients = str(envelope.mail_from), tuple(map(str, envelope.rcpt_tos))
        encrypted = self._encrypted(session)
        login = cast("object", session.auth_data)
        user = login.decode() if isinstance(login, bytes) else None
        self.mails.append(Mail(sender, recipients, content, encrypted, user))
        return "250 2.0.0 OK: queued as 4F2A"

    async def _reached(self, command: str, server: SMTP) -> None:
        self.commands.append(command)
        if self.drop_at == command:
            _abort(server.transport)
        if self.hang_at == command:
            self.hanging.set()
            await asyncio.Event().wait()

    def _encrypted(self, session: Session) -> bool:
        return cast("object", session.ssl) is not None or self.implicit is not None

    def _authenticated(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), self._encrypted(session)))
        good = (data.login.decode(), data.password.decode()) == (USER, PASSWORD)
        return AuthResult(success=good, handled=False, auth_data=data.login)


def _abort(transport: asyncio.BaseTransport | None) -> None:
    if isinstance(transport, asyncio.WriteTransport):
        # Early releases of Python 3.11 raise it for a TLS connection that is gone already.
        with contextlib.suppress(AttributeError):
            transport.abort()
