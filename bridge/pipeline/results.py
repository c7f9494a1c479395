"""Records what was delivered: the results of one moment in one go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from bridge.pipeline.gathering import gathered
from bridge.pipeline.node import Node
from bridge.store import outbox
from bridge.store.deliveries import Attempt, Due

TOGETHER = 256
"""Results that are recorded with one statement at most, but for those that come in the last moment."""


class Result(Struct):
    """A delivery that was sent under a lease, what the destination calls it, and who waits for the record."""

    due: Due
    lease: str
    attempt: Attempt
    reference: str | None
    recorded: asyncio.Future[bool]


class Results:
    """Gathers results and writes them; belongs to one event loop."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._gathered: list[Result] = []
        self._writing: set[asyncio.Task[None]] = set()

    def record(self, due: Due, lease: str, attempt: Attempt, reference: str | None) -> asyncio.Future[bool]:
        """Record that a delivery was sent, once; the future is of what `Recorded.lane_waits` says.

        It raises what the store raises, also for a fault of another result in the same go: then whoever asked
        records this one alone.
        """
        loop = asyncio.get_running_loop()
        result = Result(due, lease, attempt, reference, loop.create_future())
        self._gathered.append(result)
        if len(self._gathered) == 1:
            task = loop.create_task(self._write())
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)
        return result.recorded

    async def _write(self) -> None:
        await gathered(self._gathered, TOGETHER)
        results, self._gathered = self._gathered, []
        rows = [(each.due, each.lease, each.attempt, each.reference) for each in results]
        try:
            found = await self._node.database.write(lambda c: outbox.record_delivered(c, rows))
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to those who wait
            _fail(results, error)
        else:
            for each, lane_waits in zip(results, found, strict=True):
                if not each.recorded.done():
                    each.recorded.set_result(lane_waits)


def _fail(results: Sequence[Result], error: BaseException) -> None:
    for each in results:
        if isinstance(error, asyncio.CancelledError):
            each.recorded.cancel()
        elif not each.recorded.done():
            each.recorded.set_exception(error)
