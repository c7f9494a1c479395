"""So many at once, the others in the order in which they came; a turn that is free costs hardly anything."""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """Turns for so many tasks at once: `if not turns.take(): await turns.wait()`, and `turns.end()` after.

    Like `asyncio.Semaphore`, which for a turn that is free makes three coroutines and asks all who wait.
    """

    __slots__ = ("_free", "_waiting")

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a turn if one is free, which it never is while anyone waits; say whether it was."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def wait(self) -> None:
        """Wait for a turn, and have it."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it came in the same moment
                self.end()
            raise

    def end(self) -> None:
        """Give the turn to who has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
