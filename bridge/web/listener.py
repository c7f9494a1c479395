"""Serves an application on an address, and closes it without cutting answers off."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from bridge.logs import Log
from bridge.web.limits import Limits

GRACE_S = 5.0
"""Seconds that requests under way have to finish when a listener closes."""


@dataclass(frozen=True, slots=True)
class Listener:
    """An application that is being served."""

    host: str
    port: int
    _runner: web.AppRunner

    @property
    def url(self) -> str:
        """The address as a URL for a browser on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def close(self) -> None:
        """Take no new connection, let requests under way finish, then close what is left."""
        await self._runner.cleanup()


async def listen(
    app: web.Application,
    host: str,
    port: int,
    *,
    log: Log,
    limits: Limits | None = None,
    grace_s: float = GRACE_S,
) -> Listener:
    """Serve `app`; port 0 takes a free one. Raises OSError with the address when it cannot be bound."""
    limits = limits or Limits()
    runner = web.AppRunner(
        app,
        handle_signals=False,
        shutdown_timeout=grace_s,
        access_log=None,
        logger=_ConnectionLog(log),
        auto_decompress=False,
        keepalive_timeout=limits.idle_s,
        lingering_time=limits.lingering_s,
        max_line_size=limits.head_line_bytes,
        max_field_size=limits.head_line_bytes,
        max_headers=limits.head_lines,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=limits.backlog).start()
    except (OSError, asyncio.CancelledError):
        await runner.cleanup()
        raise
    return Listener(host, runner.addresses[0][1], runner)


class _ConnectionLog:
    """Takes what aiohttp would log of a connection.

    Bytes that are no HTTP are answered 400 and are nobody's mistake here: anyone can send them, as often
    as they like, so they are worth a line for developers and not a traceback.
    """

    def __init__(self, log: Log) -> None:
        self._log = log

    def debug(self, message: str, *_: object, **__: object) -> None:
        self._log.debug("connection", note=_bare(message))

    def warning(self, message: str, *_: object, **__: object) -> None:
        self._log.warning("connection", note=_bare(message))

    def exception(self, message: str, *_: object, exc_info: object = None) -> None:
        if isinstance(exc_info, HttpProcessingError):
            self._log.debug("not HTTP", why=type(exc_info).__name__)
        else:
            self._log.error("connection failed", note=_bare(message), exc_info=exc_info)


def _bare(message: str) -> str:
    """Leave out what aiohttp would fill in: the caller's address and bytes."""
    return message.partition("%")[0].strip()
