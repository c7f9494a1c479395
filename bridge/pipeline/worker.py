"""The claim loop: woken or polling, it takes work while it has free hands, and stops with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from itertools import chain
from typing import Generic, TypeVar

from bridge.clock import Clock, rest
from bridge.logs import Log
from bridge.store.database import StoreUnavailable

Item = TypeVar("Item")

POLL_S = 1.0
"""Seconds between looks at the store when nothing wakes the loop: for due times and other processes' work."""


class Worker(Generic[Item]):
    """Claims items and handles up to `hands` of them at once.

    `claim` takes a number and the items at work, and returns at most that many others, leased; `handle`
    finishes those it is given, at most `together`, and raises nothing. `take_up`, if set, may take an item up
    without a task: it returns whether it does, and then `done`, `fail` or `go_on` is called with the item
    later. `prepare`, if set, gets what was claimed ready first, and returns what is to be started of it. An
    item at work is never started again beside itself, however long its lease has run out. A wake-up
    that comes while the loop is busy is remembered. While something is at work, nothing is claimed for fewer
    than `least` free hands: a look at the store costs about the same for one as for many.

    Whoever makes an item need not wait for a claim: with `reserve` before the item is stored under a lease,
    and `begin` after, it is handled at once. That is refused while the store is known to hold older items
    that nobody works on, so that they have their turn, and whatever is refused is claimed.
    """

    def __init__(  # noqa: PLR0913 - all but one by name
        self,
        name: str,
        *,
        claim: Callable[[int, Sequence[Item]], Awaitable[Sequence[Item]]],
        handle: Callable[[Sequence[Item]], Coroutine[None, None, None]],
        hands: int,
        together: int = 1,
        least: int = 1,
        clock: Clock,
        log: Log,
    ) -> None:
        self.name = name
        self._claim = claim
        self._handle = handle
        self._together = together
        self._least = least
        self.take_up: Callable[[Item], bool] | None = None
        self.prepare: Callable[[Sequence[Item]], Awaitable[Sequence[Item]]] | None = None
        self._clock = clock
        self._log = log
        self._news = asyncio.Event()
        self._calm = asyncio.Event()
        self._ended = asyncio.Event()
        self._end_awaited = False
        self._busy: dict[asyncio.Task[None], Sequence[Item]] = {}
        self._apart: dict[int, Item] = {}
        """What was taken up without a task, by the objects' identity."""
        self._gathered: list[Item] = []
        self._hands = self._free = hands
        self._behind = True  # what earlier processes left
        self._curious = False
        self._claiming = False
        self._next: datetime | None = None
        self._running = False
        self._stopping = False

    def wake(self) -> None:
        """Say that there is work in the store."""
        self._behind = True
        self._calm.set()
        self._news.set()

    def stay_behind(self) -> None:
        """Say that there is work, or will be in a moment, which nothing may overtake."""
        self._behind = True

    def look(self) -> None:
        """Ask for a look at the store, where there may be work."""
        self._curious = True
        self._news.set()

    def wake_at(self, moment: datetime) -> None:
        """Say that there may be work at a moment, for one that comes before the next poll."""
        self._next = moment if self._next is None else min(self._next, moment)

    @property
    def next_at(self) -> datetime | None:
        """When there may be work again, as the last look at the store was told; None if it was not."""
        return self._next

    @property
    def at_work(self) -> list[Item]:
        """What is handled now."""
        return [*chain.from_iterable(self._busy.values()), *self._apart.values()]

    @property
    def is_idle(self) -> bool:
        """Whether the loop runs, and nothing is at work or known to wait."""
        return self._running and not (self._is_busy or self._gathered or self._behind or self._claiming)

    @property
    def is_quiet(self) -> bool:
        """Whether it is idle, and no hand is reserved: nothing that came before can still be overtaken."""
        # What is at work, and what is about to be, has a hand each.
        if self._free != self._hands or self._stopping:
            return False
        return self._running and not (self._behind or self._claiming)

    @property
    def settles(self) -> bool:
        """Whether it will be quiet in a moment: nothing is known to wait in the store behind what is at work.

        A look at the store that is under way mostly finds nothing, and ends soon.
        """
        return self._running and not (self._behind or self._stopping or self.is_quiet)

    async def settled(self, limit_s: float) -> None:
        """Return when it is quiet or will not be soon, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while self.settles:
                    self._calm.clear()
                    await self._calm.wait()

    def reserve(self, *, in_order: bool = False) -> bool:
        """Keep a hand for an item that is about to be stored under a lease of ours; say whether there is one.

        `in_order` says that nothing at all may be overtaken, not even what a look at the store may find that
        is under way. True obliges to call `begin` or `let_go`. False obliges to store the item without a
        lease, before anything else is awaited, and to call `wake` after.
        """
        late = self._behind or self._stopping or (in_order and self._claiming)
        if late or self._free <= 0 or not self._running:
            self._behind = True
            return False
        self._free -= 1
        return True

    def begin(self, item: Item) -> None:
        """Handle an item that a hand was reserved for."""
        self._gathered.append(item)
        if len(self._gathered) == 1:
            # What becomes ready in the same turn of the loop is handled together.
            asyncio.get_running_loop().call_soon(self._start_gathered)

    def let_go(self) -> None:
        """Give back a reserved hand: there is nothing for it to do."""
        self._are_free(1)

    def done(self, item: Item) -> None:
        """End an item that was taken up without a task."""
        del self._apart[id(item)]
        self._are_free(1)

    def fail(self, item: Item, error: BaseException) -> None:
        """End an item that was taken up without a task, and not as it should."""
        self._complain(error)
        self.done(item)

    def go_on(self, item: Item, rest: Coroutine[None, None, None]) -> None:
        """Finish an item that was taken up without a task in one."""
        del self._apart[id(item)]
        self._begin(rest, [item])

    async def run(self) -> None:
        """Work until `stop`; the loop itself survives a store that is away."""
        self._running = True
        while not self._stopping:
            self._news.clear()
            if not ((self._behind or self._curious) and await self._take()):
                await self._rest()

    async def drain(self) -> bool:
        """Work until nothing that is due now is left; return whether there was anything."""
        worked = False
        while await self._take() or self._is_busy:
            worked = True
            if self._is_busy:
                await self._one_ended()
        return worked

    async def stop(self, deadline_s: float) -> None:
        """Take nothing new, give what runs `deadline_s` seconds to finish, then cancel it."""
        self._stopping = True
        self._news.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                while self._is_busy:
                    await self._one_ended()
        late = list(self._busy)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _take(self) -> bool:
        """Claim for the free hands and start; return whether there may be more at once."""
        free = self._free
        if free < (self._least if self._is_busy else 1):
            return False
        items = await self._claimed(free)
        if self._stopping:
            return False  # claimed while stopping: the owner gives the leases back
        self._free -= len(items)
        if self.prepare is not None and items:
            items = await self._prepared(items, self.prepare)
        self._start(items)
        return bool(items)

    async def _prepared(
        self, items: Sequence[Item], prepare: Callable[[Sequence[Item]], Awaitable[Sequence[Item]]]
    ) -> Sequence[Item]:
        """Get claimed items ready, which are as good as at work by now; none if the loop stops meanwhile."""
        self._claiming = True
        try:
            ready = await prepare(items)
        finally:
            self._claiming = False
        if len(ready) < len(items):
            self._are_free(len(items) - len(ready))
        return () if self._stopping else ready

    async def _claimed(self, free: int) -> Sequence[Item]:
        """Claim; fewer items than hands mean that no older one is left, unless somebody says so meanwhile."""
        self._behind = self._curious = False
        self._next = None
        self._claiming = True
        try:
            items = await self._claim(free, [*self.at_work, *self._gathered])
        except StoreUnavailable as error:
            self._behind = True
            self._log.warning("no work taken, the store cannot be used", worker=self.name, why=str(error))
            return ()
        finally:
            self._claiming = False
            self._calm.set()
        self._behind = self._behind or len(items) == free
        return items

    def _start_gathered(self) -> None:
        items, self._gathered = self._gathered, []
        if not self._stopping:  # else their owner gives the leases back
            self._start(items)

    def _start(self, items: Sequence[Item]) -> None:
        left = items if self.take_up is None else self._not_taken_up(items, self.take_up)
        for first in range(0, len(left), self._together):
            some = left[first : first + self._together]
            self._begin(self._handle(some), some)

    def _not_taken_up(self, items: Sequence[Item], take_up: Callable[[Item], bool]) -> Sequence[Item]:
        """Take items up without a task; return those that need one."""
        left = []
        for item in items:
            self._apart[id(item)] = item
            try:
                taken_up = take_up(item)
            except BaseException as error:  # noqa: BLE001 - as a task would
                self.fail(item, error)
                continue
            if not taken_up:
                del self._apart[id(item)]
                left.append(item)
        return left

    def _begin(self, work: Coroutine[None, None, None], items: Sequence[Item]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._busy[task] = items
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._are_free(len(self._busy.pop(task)))
        if not task.cancelled() and (error := task.exception()) is not None:
            self._complain(error)

    def _complain(self, error: BaseException) -> None:
        self._log.error("work failed, its lease will run out", worker=self.name, why=type(error).__name__)

    @property
    def _is_busy(self) -> bool:
        return bool(self._busy or self._apart)

    async def _one_ended(self) -> None:
        self._end_awaited = True
        self._ended.clear()
        await self._ended.wait()

    def _are_free(self, hands: int) -> None:
        self._free += hands
        if self._end_awaited:
            self._end_awaited = False
            self._ended.set()
        if (self._behind or self._curious) and (self._free >= self._least or not self._is_busy):
            self._news.set()
        if self._free == self._hands:
            self._calm.set()

    async def _rest(self) -> None:
        """Wait for a wake-up, a free hand, or the poll, whichever comes first."""
        if await rest(self._clock, self._patience_s(), self._news):
            self._curious = True

    def _patience_s(self) -> float:
        if self._next is None:
            return POLL_S
        return min(POLL_S, max(0.0, (self._next - self._clock.now()).total_seconds()))
