"""Counts what senders are told, for `/metrics`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import Struct

from bridge.clock import Clock
from bridge.web.receiver import Receiver


class Answered(Struct, frozen=True):
    """How often a source was answered with a status, and since when; the source is empty if there is none."""

    source: str
    status: int
    count: int
    since: datetime


class Counting:
    """Counts answers by status and source, in the event loop alone and therefore without locks."""

    def __init__(self, receiver: Receiver, clock: Clock) -> None:
        self._receiver = receiver
        self._clock = clock
        self._counts: dict[tuple[str, int], int] = {}
        self._since: dict[tuple[str, int], datetime] = {}

    def count(self, source: str, status: int) -> None:
        """Count one answer."""
        pair = (source, status)
        if pair in self._counts:
            self._counts[pair] += 1
            return
        known = (source if source in self._receiver.sources else "", status)
        self._since.setdefault(known, self._clock.now())
        self._counts[known] = self._counts.get(known, 0) + 1

    def answered(self) -> Sequence[Answered]:
        """Return what was counted so far."""
        return [Answered(*pair, count, self._since[pair]) for pair, count in self._counts.items()]

    def counted(self, handler: Handler) -> Handler:
        """Return `handler`, its answers counted."""

        async def counting(request: web.Request) -> web.StreamResponse:
            response = await handler(request)
            self.count(request.match_info["source"], response.status)
            return response

        return counting
