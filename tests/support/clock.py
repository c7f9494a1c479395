"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class FakeClock:
    """A `Clock` whose sleepers wake, in order, when `advance` passes their time."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._origin = now
        self._jumped = timedelta()
        self._sleepers: list[tuple[timedelta, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed.total_seconds()

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + timedelta(seconds=seconds), next(self._count), done))
        await done

    def advance(self, **duration: float) -> None:
        """Move on by a `timedelta(**duration)` and wake whoever slept until then."""
        self._now += timedelta(**duration)
        while self._sleepers and self._sleepers[0][0] <= self._elapsed:
            _, _, done = heapq.heappop(self._sleepers)
            if not done.done():
                done.set_result(None)

    def jump(self, **duration: float) -> None:
        """Set the time of day by a `timedelta(**duration)`, forth or back; no time passes, nobody wakes."""
        self._jumped += timedelta(**duration)
        self._now += timedelta(**duration)

    @property
    def sleeping(self) -> bool:
        """Whether somebody waits for time to pass."""
        return any(not done.done() for _, _, done in self._sleepers)

    @property
    def _elapsed(self) -> timedelta:
        return self._now - self._origin - self._jumped
