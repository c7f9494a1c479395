"""What a person may do to stored work: replay an entry, retry or discard a delivery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from bridge.pipeline.node import Node
from bridge.store import inbox, outbox
from bridge.store.database import Connection
from bridge.store.deliveries import Missing, Moved, Refused, Taken


@dataclass(frozen=True, slots=True)
class Told:
    """What a person is told: whether it was done, and a sentence that says what or why not."""

    done: bool
    sentence: str


class Operator:
    """Acts on the store for a person; `wake` is called after a change that makes work."""

    def __init__(self, node: Node, wake: Callable[[], None] = lambda: None) -> None:
        self._node = node
        self._wake = wake

    async def replay(self, seq: int) -> Told:
        """Take a stored entry through the rules again; unsent deliveries of earlier runs are replaced."""
        now = self._node.clock.now()
        run = await self._node.database.write(lambda connection: _replay(connection, seq, now))
        self._node.log.info("replay asked for", entry=seq, run=run)
        if run is None:
            return Told(done=False, sentence=f"there is no event {seq}")
        self._wake()
        return Told(done=True, sentence=f"event {seq} goes through the rules again (run {run})")

    async def retry(self, delivery_id: str) -> Told:
        """Try a waiting, dead, expired or parked delivery now."""
        now = self._node.clock.now()
        result = await self._node.database.write(
            lambda connection: outbox.retry(connection, delivery_id, now=now)
        )
        self._node.log.info("retry asked for", delivery=delivery_id, result=type(result).__name__.lower())
        self._wake()
        return _told(result, delivery_id, "is tried again now", "be retried")

    async def discard(self, delivery_id: str, why: str) -> Told:
        """Give a delivery up for good; its claim is released."""
        now = self._node.clock.now()
        result = await self._node.database.write(
            lambda connection: outbox.discard(connection, delivery_id, now=now, why=why)
        )
        self._node.log.info("discard asked for", delivery=delivery_id, result=type(result).__name__.lower())
        return _told(result, delivery_id, "is discarded", "be discarded")


def _replay(connection: Connection, seq: int, now: datetime) -> int | None:
    run = inbox.replay(connection, seq, now=now)
    if run is not None:
        outbox.discard_unsent(connection, seq, now=now, why=f"replaced by the replay, run {run}")
    return run


def _told(result: Moved | Missing | Refused | Taken, delivery_id: str, done: str, wish: str) -> Told:
    match result:
        case Moved():
            return Told(done=True, sentence=f"delivery {delivery_id} {done}")
        case Missing():
            return Told(done=False, sentence=f"there is no delivery {delivery_id}")
        case Refused(state=state):
            return Told(done=False, sentence=f"delivery {delivery_id} is {state} and cannot {wish}")
        case Taken(by=other):
            why = f"delivery {other} was made meanwhile under the same once_per; this one would be a second"
            return Told(done=False, sentence=why)
        case never:
            assert_never(never)
