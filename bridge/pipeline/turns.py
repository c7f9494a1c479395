"""So many at once, the others in the order in which they came; a turn that is free costs hardly anything."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

Go = Callable[[], bool]
"""What is called when its turn has come; it returns whether it takes it."""


class Turns:
    """Turns for so many at once: whoever takes one calls `end` after.

    Like `asyncio.Semaphore`, which for a turn that is free makes three coroutines and asks all who wait, and
    which only tasks can wait for.
    """

    __slots__ = ("_free", "_waiting")

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[Go] = deque()

    def take(self) -> bool:
        """Take a turn if one is free, which it never is while anyone waits; say whether it was."""
        if not self._free:
            return False
        self._free -= 1
        return True

    def ask(self, go: Go) -> None:
        """Have `go` called when its turn has come, which may be now."""
        if not self._free:
            self._waiting.append(go)
            return
        self._free -= 1
        if not go():
            self.end()

    async def wait(self) -> None:
        """Wait for a turn, and have it."""
        turn = asyncio.get_running_loop().create_future()

        def go() -> bool:
            if not turn.done():
                turn.set_result(None)
                return True
            return False  # who waited was cancelled

        self._waiting.append(go)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it came in the same moment
                self.end()
            raise

    def end(self) -> None:
        """Give the turn to who has waited longest and takes it."""
        while self._waiting:
            if self._waiting.popleft()():
                return
        self._free += 1
