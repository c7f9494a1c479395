"""Messages that take long to make: beside the event loop, one after the other.

Most messages are made in a fraction of a millisecond, where they are needed. A certificate takes a hundred
times as long, and what tells of hundreds of events may as well; made in the event loop, a flood of them would
keep every sender waiting for its answer. In a thread they share the interpreter, but let go of it every few
milliseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Making:
    """The thread in which such messages are made; it begins with the first of them."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "messages")

    async def apart(self, make: Callable[[], T]) -> T:
        """Return what `make` makes beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, make)
