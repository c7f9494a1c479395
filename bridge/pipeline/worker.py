"""The claim loop: woken or polling, it takes work while it has free hands, and stops with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from bridge.clock import Clock
from bridge.logs import Log
from bridge.store.database import StoreUnavailable

Item = TypeVar("Item")

POLL_S = 1.0
"""Seconds between looks at the store when nothing wakes the loop: for due times and other processes' work."""


class Worker(Generic[Item]):
    """Claims items and handles up to `hands` of them at once.

    `claim` takes a number and the items at work, and returns at most that many others, leased; `handle`
    finishes one and raises nothing. An item at work is never started again beside itself, however long its
    lease has run out. A wake-up that comes while the loop is busy is remembered.
    """

    def __init__(
        self,
        name: str,
        *,
        claim: Callable[[int, Sequence[Item]], Awaitable[Sequence[Item]]],
        handle: Callable[[Item], Awaitable[None]],
        hands: int,
        clock: Clock,
        log: Log,
        poll_s: float = POLL_S,
    ) -> None:
        self.name = name
        self._claim = claim
        self._handle = handle
        self._hands = hands
        self._clock = clock
        self._log = log
        self._poll_s = poll_s
        self._news = asyncio.Event()
        self._busy: dict[asyncio.Task[None], Item] = {}
        self._stopping = False

    def wake(self) -> None:
        """Say that there may be work."""
        self._news.set()

    async def run(self) -> None:
        """Work until `stop`; the loop itself survives a store that is away."""
        while not self._stopping:
            self._news.clear()
            if not await self._take():
                await self._rest()

    async def drain(self) -> bool:
        """Work until nothing that is due now is left; return whether there was anything."""
        worked = False
        while await self._take() or self._busy:
            worked = True
            if self._busy:
                await asyncio.wait(self._busy, return_when=asyncio.FIRST_COMPLETED)
        return worked

    async def stop(self, deadline_s: float) -> None:
        """Take nothing new, give what runs `deadline_s` seconds to finish, then cancel it."""
        self._stopping = True
        self._news.set()
        if self._busy:
            _, late = await asyncio.wait(self._busy, timeout=deadline_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _take(self) -> bool:
        """Claim for the free hands and start; return whether there may be more at once."""
        free = self._hands - len(self._busy)
        if not free:
            return False
        try:
            items = await self._claim(free, tuple(self._busy.values()))
        except StoreUnavailable as error:
            self._log.warning("no work taken, the store cannot be used", worker=self.name, why=str(error))
            return False
        if self._stopping:
            return False  # claimed while stopping: the owner gives the leases back
        for item in items:
            task = asyncio.ensure_future(self._handle(item))
            self._busy[task] = item
            task.add_done_callback(self._done)
        return bool(items)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._busy.pop(task, None)
        self._news.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("work failed, its lease will run out", worker=self.name, why=type(error).__name__)

    async def _rest(self) -> None:
        """Wait for a wake-up, a free hand, or the poll, whichever comes first."""
        news = asyncio.ensure_future(self._news.wait())
        poll = asyncio.ensure_future(self._clock.sleep(self._poll_s))
        try:
            await asyncio.wait({news, poll}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            poll.cancel()
