"""A real HTTP server on loopback that records what it is asked and answers from a script."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy


@dataclass(frozen=True)
class Call:
    """One request as it arrived."""

    method: str
    path: str
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """One answer, well-behaved unless told otherwise."""

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    """Never answer."""
    reset_before: bool = False
    """Read the request and drop the connection."""
    reset_after: int | None = None
    """Drop the connection after so many bytes of the body."""
    drip_s: float | None = None
    """Send the body for ever, a byte each so many seconds."""
    endless: bool = False
    """Send the body again and again, as fast as it is read."""


def reply_json(value: object, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


class HttpServer:
    """Answers each request with the script's next reply, and with `default` when the script has ended."""

    def __init__(
        self, *script: Reply, default: Reply | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.calls: list[Call] = []
        self.connections = 0
        self.bytes_sent = 0
        self.script = deque(script)
        self.default = default or Reply()
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self._transports: set[asyncio.BaseTransport] = set()
        self._closing = asyncio.Event()
        self.called = asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        assert self._runner
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        assert self._runner
        port: int = self._runner.addresses[0][1]
        return port

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = CIMultiDictProxy(CIMultiDict(request.headers))
        self.calls.append(Call(request.method, request.raw_path, headers, body))
        if request.transport is not None and request.transport not in self._transports:
            self._transports.add(request.transport)
            self.connections += 1
        self.called.set()
        reply = self.script.popleft() if self.script else self.default
        if reply.hang:
            await self._closing.wait()
        if reply.reset_before and request.transport is not None:
            _abort(request.transport)
        simple = reply.reset_after is None and reply.drip_s is None and not reply.endless
        if simple or reply.hang or reply.reset_before:
            return web.Response(status=reply.status, body=reply.body, headers=reply.headers)
        return await self._misbehaved(request, reply)

    async def _misbehaved(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        if reply.reset_after is not None:
            response.content_length = len(reply.body) + 1
        await response.prepare(request)
        try:
            if reply.reset_after is not None:
                await response.write(reply.body[: reply.reset_after])
                await asyncio.sleep(0.05)  # the head must have left before the connection goes
            while reply.reset_after is None and not self._closing.is_set():
                await response.write(reply.body if reply.endless else reply.body[:1])
                self.bytes_sent += len(reply.body) if reply.endless else 1
                await asyncio.sleep(reply.drip_s or 0)
        except (ConnectionError, asyncio.CancelledError):
            return response
        if request.transport is not None:
            _abort(request.transport)
        return response


def _abort(transport: asyncio.BaseTransport) -> None:
    assert isinstance(transport, asyncio.WriteTransport)
    transport.abort()
