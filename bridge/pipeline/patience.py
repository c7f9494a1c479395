"""Asking a store that is away for what cannot be done without it: tried for as long as the process lives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from bridge.pipeline.node import Node
from bridge.store.database import Connection, StoreUnavailable

T = TypeVar("T")
LONGEST_WAIT_S = 30


async def until_written(node: Node, operation: Callable[[Connection], T], waiting: str, **whose: object) -> T:
    """Write, with growing waits between tries, until it is done or cancelled; `waiting` is logged at each.

    Ends only with the operation's value, its own error, or the caller's cancellation.
    """
    return await _until(node, lambda: node.database.write(operation), waiting, whose)


async def until_read(node: Node, query: Callable[[Connection], T], waiting: str, **whose: object) -> T:
    """Read as patiently as `until_written` writes."""
    return await _until(node, lambda: node.database.read(query), waiting, whose)


async def _until(
    node: Node, attempt: Callable[[], Awaitable[T]], waiting: str, whose: Mapping[str, object]
) -> T:
    wait_s = 1
    while True:
        try:
            return await attempt()
        except StoreUnavailable as error:
            node.log.warning(waiting, why=str(error), **whose)
        await node.clock.sleep(wait_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)
