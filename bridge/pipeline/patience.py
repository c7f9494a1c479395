"""Writing what must not be lost to a store that is away: tried for as long as the process lives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import TypeVar

from bridge.pipeline.node import Node
from bridge.store.database import Connection, StoreUnavailable

T = TypeVar("T")
LONGEST_WAIT_S = 30


async def until_written(node: Node, operation: Callable[[Connection], T], waiting: str, **whose: object) -> T:
    """Write, with growing waits between tries, until it is done or cancelled; `waiting` is logged at each.

    Ends only with the operation's value, its own error, or the caller's cancellation.
    """
    waits = _waits_s()
    while True:
        try:
            return await node.database.write(operation)
        except StoreUnavailable as error:
            node.log.warning(waiting, why=str(error), **whose)
        await node.clock.sleep(next(waits))


def _waits_s() -> Iterator[int]:
    return chain((1, 2, 4, 8, 16), repeat(LONGEST_WAIT_S))
