"""What arrived at the local mailbox and the stand-ins, in order, for the admin pages, the demo and tests."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from msgspec import Struct

from bridge.clock import Clock
from bridge.core.readable import Chat, Mail

Kind = Literal["email", "slack", "webhook"]
TITLE_LENGTH = 80
"""Characters of a title that is the beginning of a message."""


class Post(Struct, frozen=True, kw_only=True):
    """A webhook as its receiver sees it. `signature` says what checking it by Standard Webhooks came to."""

    method: str
    headers: tuple[tuple[str, str], ...]
    text: str
    signature: Literal["right", "wrong", "missing", "not checked"]


class Arrival(Struct, frozen=True, kw_only=True):
    """One message that left the bridge. `to` is whom it reached: addresses, a channel, a webhook's name."""

    number: int
    at: datetime
    kind: Kind
    to: str
    title: str
    content: Mail | Chat | Post
    raw: bytes


class Arrivals:
    """The last arrivals; older ones are forgotten when there are too many, or they are too large together."""

    def __init__(self, clock: Clock, *, keep: int = 500, keep_bytes: int = 32 * 1024 * 1024) -> None:
        self._clock = clock
        self._keep = keep
        self._keep_bytes = keep_bytes
        self._kept: deque[Arrival] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self.total = 0
        """How many arrived so far, forgotten ones included."""

    def __iter__(self) -> Iterator[Arrival]:
        """The kept ones, oldest first."""
        return iter(tuple(self._kept))

    def find(self, number: int) -> Arrival | None:
        """Return the arrival of this number, if it is still kept."""
        return next((arrival for arrival in self._kept if arrival.number == number), None)

    def add(self, kind: Kind, *, to: str, title: str, content: Mail | Chat | Post, raw: bytes) -> Arrival:
        """Note an arrival, now."""
        self.total += 1
        at = self._clock.now()
        arrival = Arrival(number=self.total, at=at, kind=kind, to=to, title=title, content=content, raw=raw)
        self._kept.append(arrival)
        self._bytes += len(raw)
        while len(self._kept) > self._keep or (self._bytes > self._keep_bytes and len(self._kept) > 1):
            self._bytes -= len(self._kept.popleft().raw)
        self._news.set()
        return arrival

    def change(self, arrival: Arrival) -> None:
        """Put another form of an arrival in its place, if it is still kept."""
        for place, kept in enumerate(self._kept):
            if kept.number == arrival.number:
                self._bytes += len(arrival.raw) - len(kept.raw)
                self._kept[place] = arrival
        self._news.set()

    async def wait_for(self, count: int, timeout_s: float) -> tuple[Arrival, ...]:
        """Return the kept arrivals once `count` have come in all; raises TimeoutError after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.total < count:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError(
                f"{self.total} of {count} messages arrived within {timeout_s:g} seconds"
            ) from None
        return tuple(self._kept)


def beginning(text: str) -> str:
    """Return a message's beginning as a title on one line, with an ellipsis where it is cut."""
    line = " ".join(text.split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"
