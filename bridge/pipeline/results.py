"""Records what was delivered: the results of one moment in one go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from bridge.pipeline.moment import moment_over
from bridge.pipeline.node import Node
from bridge.store import outbox
from bridge.store.deliveries import Attempt, Due, Recorded

TOGETHER = 256
"""Results that are recorded with one statement at most, but for those that come in the last moment."""
Result = tuple[Due, str, Attempt, str | None]
"""A delivery that was sent, its lease, the attempt, and what the destination calls the message."""
Ended = Callable[[Result, bool], None]
"""What is called with a result at the end, and whether it is recorded; it raises nothing."""
Told = Callable[[Sequence[tuple[Result, Ended, Recorded | None]]], None]
"""What is called with the results of one go, and what became of each: None if it is to be recorded alone.

That is when the store raised, also for a fault of another one in the same go.
"""


class Results:
    """Gathers results and writes them; belongs to one event loop."""

    def __init__(self, node: Node, told: Told) -> None:
        self._node = node
        self._told = told
        self._gathered: list[Result] = []
        self._ended: list[Ended] = []
        self._writing: set[asyncio.Task[None]] = set()

    def record(self, result: Result, ended: Ended) -> None:
        """Record that a delivery was sent, once, together with what else comes in this moment."""
        self._gathered.append(result)
        self._ended.append(ended)
        if len(self._gathered) == 1:
            task = asyncio.get_running_loop().create_task(self._write())
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def _write(self) -> None:
        await moment_over(self._gathered, TOGETHER)
        results, self._gathered = self._gathered, []
        ended, self._ended = self._ended, []
        found: Sequence[Recorded | None]
        try:
            found = await self._node.database.write(lambda c: outbox.record_delivered(c, results))
        except BaseException:  # noqa: BLE001 - whatever it is, whoever writes one alone says why
            found = [None] * len(results)
        self._told(list(zip(results, ended, found, strict=True)))
