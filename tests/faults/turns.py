"""What happens outside of the event loop, as lists of what is to be done: threads, timers, the writer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from bridge.pipeline import halts, trouble, worker
from bridge.store.batches import Batches, Done, Failed, Operation
from bridge.store.errors import StoreBusy, StoreUnavailable
from bridge.store.writer import Writer
from tests.support.clock import FakeClock


class Loop(asyncio.SelectorEventLoop):
    """An event loop with a time of its own, whose threads run when they are told to."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 1000.0
        self.threads: list[Callable[[], Callable[[], None]]] | None = None
        """What threads have to do; each returns what tells its result. None for real threads."""

    def time(self) -> float:
        return self.at

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        if self.threads is None:
            return super().run_in_executor(executor, func, *args)
        future = self.create_future()
        self.threads.append(lambda: _told(future, func, args))
        return future

    @property
    def is_idle(self) -> bool:
        """Whether nothing is ready to be called."""
        return not self._ready  # type: ignore[attr-defined]


def _told(future: asyncio.Future[Any], func: Callable[..., Any], args: tuple[Any, ...]) -> Callable[[], None]:
    """Call a function, and return what puts its result into a future."""
    value, error = None, None
    try:
        value = func(*args)
    except Exception as raised:  # noqa: BLE001 - it belongs to whoever waits
        error = raised

    def tell() -> None:
        if future.done():
            return
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
            future.exception()

    return tell


class Clock(FakeClock):
    """A clock by which nobody looks at the store before he is told to: `polls` and `watches` ring by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.polls: list[asyncio.Future[None]] = []
        self.watches: list[asyncio.Future[None]] = []

    async def sleep(self, seconds: float) -> None:
        if seconds is worker.POLL_S:
            await _rung(self.polls)
        elif seconds is halts.LOOK_S or seconds is trouble.LOOK_S:
            await _rung(self.watches)
        else:
            await super().sleep(seconds)

    @property
    def first_s(self) -> float | None:
        """How long until the first other sleeper wakes."""
        times = [at for at, _, done in self._sleepers if not done.done()]
        return (min(times) - self._elapsed).total_seconds() if times else None


async def _rung(bells: list[asyncio.Future[None]]) -> None:
    bell: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    bells.append(bell)
    await bell


def ring(bells: list[asyncio.Future[None]]) -> None:
    """Wake all who wait."""
    ringing = bells[:]
    bells.clear()
    for each in ringing:
        if not each.done():
            each.set_result(None)


class Thread(Writer):
    """The store's thread: what it has to write, and what it has written and not said."""

    def __init__(self, batches: Batches, *, queue_limit: int, batch_limit: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._batches = batches
        self._queue_limit = queue_limit
        self._batch_limit = batch_limit
        self._waiting = 0
        self._closed = False
        self.works = True
        self.refused = False
        """Whether somebody was told that too much waits."""
        self.jobs: deque[tuple[Operation, int, asyncio.Future[object]]] = deque()
        self.answers: deque[tuple[list[Any], list[Done | Failed]]] = deque()

    def submit(self, operation: Operation, weight: int = 1) -> asyncio.Future[object]:
        if self._closed:
            raise StoreUnavailable("the store is closed; the bridge is stopping")
        if self._waiting + weight > self._queue_limit:
            self.refused = True
            raise StoreBusy(f"{self._waiting} writes are waiting for the store; try again in a moment")
        future: asyncio.Future[object] = self._loop.create_future()
        self._waiting += weight
        self.jobs.append((operation, weight, future))
        return future

    def commit(self, most: int) -> None:
        """Write some of what waits, together."""
        count = min(most, len(self.jobs), self._batch_limit)
        jobs = [self.jobs.popleft() for _ in range(count)]
        self.answers.append((jobs, self._run(jobs)))

    def answer(self) -> None:
        """Say what has come of the earliest commit."""
        self._answer(*self.answers.popleft())

    async def close(self) -> None:
        self._closed = True
        self._batches.close()
