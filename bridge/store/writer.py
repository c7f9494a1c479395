"""The one thread that writes: a bounded queue before group commit, and the way back to the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from queue import Empty, SimpleQueue
from typing import assert_never

from bridge.store.batches import Batches, Done, Failed, Operation
from bridge.store.errors import StoreBusy, StoreUnavailable

_Job = tuple[Operation, int, "asyncio.Future[object]"]


class Writer:
    """Takes operations from the event loop it was made in; commits whatever is waiting, together.

    While one batch is being committed the next one gathers, so batches grow with the load by themselves.
    """

    def __init__(self, batches: Batches, *, queue_limit: int, batch_limit: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._batches = batches
        self._queue_limit = queue_limit
        self._batch_limit = batch_limit
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._waiting = 0  # touched in the event loop only
        self._closed = False
        self.works = True
        """Whether the last batch could be written."""
        # A daemon: a program that dies without `close` must not hang, and what it acknowledged is on disk.
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, operation: Operation, weight: int = 1) -> asyncio.Future[object]:
        """Queue an operation that counts for so many; the future ends after its commit.

        Raises `StoreBusy` when the queue is full and `StoreUnavailable` after `close`.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed; the bridge is stopping")
        if self._waiting + weight > self._queue_limit:
            raise StoreBusy(f"{self._waiting} writes are waiting for the store; try again in a moment")
        future: asyncio.Future[object] = self._loop.create_future()
        self._waiting += weight
        self._queue.put((operation, weight, future))
        return future

    async def close(self) -> None:
        """Take no more operations, commit those that wait, end the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        open_ = True
        while open_:
            jobs, open_ = self._next_jobs()
            results = self._run(jobs) if jobs else []
            # The loop is closed when the program ended without waiting for its writes.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._answer, jobs, results)
        self._batches.close()

    def _run(self, jobs: list[_Job]) -> list[Done | Failed]:
        """Run them; whatever happens, the thread goes on and nobody waits for ever."""
        try:
            return self._batches.run([operation for operation, _, _ in jobs])
        except BaseException as error:  # noqa: BLE001 - each caller is told
            return [Failed(error) for _ in jobs]

    def _next_jobs(self) -> tuple[list[_Job], bool]:
        jobs: list[_Job] = []
        job = self._queue.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == self._batch_limit:
                return jobs, True
            try:
                job = self._queue.get_nowait()
            except Empty:
                return jobs, True
        return jobs, False

    def _answer(self, jobs: list[_Job], results: list[Done | Failed]) -> None:
        self._waiting -= sum(weight for _, weight, _ in jobs)
        self.works = not any(_is_away(result) for result in results)
        for (_, _, future), result in zip(jobs, results, strict=True):
            if not future.done():  # a cancelled caller: its write stands, nobody asks
                _resolve(future, result)


def _is_away(result: Done | Failed) -> bool:
    return isinstance(result, Failed) and isinstance(result.error, StoreUnavailable)


def _resolve(future: asyncio.Future[object], result: Done | Failed) -> None:
    match result:
        case Done(value=value):
            future.set_result(value)
        case Failed(error=StopIteration() as error):  # the one exception that a future refuses
            _fail(future, RuntimeError(f"the operation raised {error!r}"))
        case Failed(error=error):
            _fail(future, error)
        case never:
            assert_never(never)


def _fail(future: asyncio.Future[object], error: BaseException) -> None:
    future.set_exception(error)
    future.exception()  # seen: a caller cancelled in this very moment would leave a complaint in the log
