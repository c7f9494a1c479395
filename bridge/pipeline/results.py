"""Records what was delivered: the results of one moment in one go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct

from bridge.pipeline.gathering import gathered
from bridge.pipeline.node import Node
from bridge.store import outbox
from bridge.store.deliveries import Attempt, Due, Recorded

TOGETHER = 256
"""Results that are recorded with one statement at most, but for those that come in the last moment."""


class Result(Struct, frozen=True):
    """A delivery that was sent under a lease, what the destination calls it, and who is told of the record.

    `told` is called when it is recorded, or with what the store raised, also for a fault of another result in
    the same go: then this one is to be recorded alone. It raises nothing.
    """

    due: Due
    lease: str
    attempt: Attempt
    reference: str | None
    told: Callable[[Recorded | BaseException], None]


class Results:
    """Gathers results and writes them; belongs to one event loop."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._gathered: list[Result] = []
        self._writing: set[asyncio.Task[None]] = set()

    def record(self, result: Result) -> None:
        """Record that a delivery was sent, once, together with what else comes in this moment."""
        self._gathered.append(result)
        if len(self._gathered) == 1:
            task = asyncio.get_running_loop().create_task(self._write())
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def _write(self) -> None:
        await gathered(self._gathered, TOGETHER)
        results, self._gathered = self._gathered, []
        rows = [(each.due, each.lease, each.attempt, each.reference) for each in results]
        try:
            found = await self._node.database.write(lambda c: outbox.record_delivered(c, rows))
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to those who wait
            for each in results:
                each.told(error)
        else:
            for each, recorded in zip(results, found, strict=True):
                each.told(recorded)
