"""One time limit for many tasks: like `asyncio.timeout`, with one timer for all that is under way."""

from __future__ import annotations

import asyncio
from types import TracebackType


class TimeLimit:
    """`with limit:` raises TimeoutError in a task whose block takes longer than so many seconds.

    A task is in one block at a time. A cancellation from elsewhere goes its way.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due: dict[asyncio.Task[object], float] = {}
        """When each block must have ended, the soonest first; the late ones have 0."""
        self._timer: asyncio.Handle | None = None

    def __enter__(self) -> None:
        """Begin."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit belongs to a task")
        loop = task.get_loop()
        self._due[task] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._due_now, loop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; a cancellation that was ours becomes a TimeoutError."""
        task = asyncio.current_task()
        is_late = task is not None and not self._due.pop(task, 1.0)
        if is_late and task is not None and task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _due_now(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look in the loop's next turn: who got in this one what he waits for is not late.

        A process that stood still finds answers and ended times together.
        """
        self._timer = loop.call_soon(self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self._timer = None
        for task, due in self._due.items():
            if due > now:
                self._timer = loop.call_at(due, self._due_now, loop)
                return
            if due:
                self._due[task] = 0.0
                task.cancel()
