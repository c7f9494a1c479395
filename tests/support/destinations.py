"""Real servers for each kind of channel that say what arrived: which message, and under which delivery id."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from tests.support.http_server import HttpServer, reply_json
from tests.support.smtp_server import SmtpServer

KINDS = ("webhook", "email", "slack")


@dataclass(frozen=True)
class Arrived:
    """One message. `id` is the delivery's, or empty where the channel has no place for it."""

    text: str
    id: str
    content: bytes


class Destination(Protocol):
    """A server, and how a configuration speaks of it."""

    kind: str
    port: int

    def channel(self, port: int) -> dict[str, object]:
        """Return the channel's options when the server is reached at a port of this machine."""
        ...

    def action(self, text: str) -> dict[str, object]:
        """Return an entry of `send:` for the channel `out` that says `text`."""
        ...

    def arrived(self) -> list[Arrived]:
        """Return what the server took, in order."""
        ...


class _Webhook:
    kind = "webhook"

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.port = server.port

    def channel(self, port: int) -> dict[str, object]:
        return {"type": "webhook", "url": f"http://127.0.0.1:{port}/hooks", "allow_private": True}

    def action(self, text: str) -> dict[str, object]:
        return {"webhook": "out", "json": {"text": text}}

    def arrived(self) -> list[Arrived]:
        calls = self.server.calls
        return [Arrived(call.json["text"], call.headers["Idempotency-Key"], call.body) for call in calls]


class _Slack:
    kind = "slack"

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.port = server.port

    def channel(self, port: int) -> dict[str, object]:
        return {
            "type": "slack",
            "token": "${SLACK_TOKEN}",
            "channel": "#wins",
            "api_url": f"http://127.0.0.1:{port}/api/",
            "rate": "1000/s",
            "allow_private": True,
        }

    def action(self, text: str) -> dict[str, object]:
        return {"slack": "out", "text": text}

    def arrived(self) -> list[Arrived]:
        return [Arrived(call.json["text"], "", call.body) for call in self.server.calls]


class _Email:
    kind = "email"

    def __init__(self, server: SmtpServer) -> None:
        self.server = server
        self.port = server.port

    def channel(self, port: int) -> dict[str, object]:
        sender = "Escola Exemplo <ola@escola.example>"
        return {
            "type": "email",
            "smtp": f"smtp://127.0.0.1:{port}",
            "from": sender,
            "tls": "none",
            "allow_private": True,
        }

    def action(self, text: str) -> dict[str, object]:
        return {"email": "out", "to": "{{ learner.email }}", "subject": text, "text": "Parabéns!"}

    def arrived(self) -> list[Arrived]:
        return list(self._mails())

    def _mails(self) -> Iterator[Arrived]:
        for mail in self.server.mails:
            message = mail.message
            yield Arrived(message["Subject"], message["Message-ID"], mail.content)


@asynccontextmanager
async def destination(kind: str) -> AsyncIterator[Destination]:
    """Open the server of one kind of channel."""
    if kind == "email":
        async with SmtpServer() as mail:
            yield _Email(mail)
        return
    accepted = reply_json({"ok": True, "channel": "C0123456789", "ts": "1777896000.000100"})
    async with HttpServer(default=accepted) as server:
        yield _Slack(server) if kind == "slack" else _Webhook(server)


def as_yaml(config: object) -> str:
    """Return a configuration as text: JSON is YAML."""
    return json.dumps(config, ensure_ascii=False, indent=1)
