"""Entries on their way to the disk: those of one moment are stored together, then handed on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from bridge.pipeline.answer import Answer
from bridge.pipeline.moment import moment_over
from bridge.pipeline.node import Node, Point
from bridge.store.database import StoreBusy, StoreUnavailable
from bridge.store.entries import Accepted, Entry

if TYPE_CHECKING:  # receiving must not wait for what only sending needs
    from bridge.pipeline.settling import Entries, Found, Way
    from bridge.store.database import Connection

STORE_LIMIT_S = 10.0
"""How long a sender waits for the store."""
TOGETHER = 256
"""Entries that are stored with one statement at most."""
LARGE_BYTES = 64 * 1024
"""From here on a body counts by its bytes; smaller ones are bounded by their number alone."""
ROOM_BYTES = 64 * 1024 * 1024
"""How much of large bodies may be on its way to the disk."""
_ACCEPTED = Point.ACCEPTED  # see `core.outcomes.State`


class Intake(Protocol):
    """Where stored entries go next: `bridge.pipeline.inlet`."""

    async def settled(self) -> None:
        """Return when entries may come; within a moment, mostly at once."""
        ...

    def ways(self, entries: Sequence[Entry], now: datetime | None) -> Sequence[Way]:
        """Return what each of these entries is stored with.

        That is what shall become of it, where that can be said now; a lease, under which it is dispatched as
        soon as it is stored; or nothing, and it has to wait its turn in the store. Without a `now` nothing is
        decided. Obliges to store them before anything else is awaited, and to `hand_on` after.
        """
        ...

    def accept(self, connection: Connection, entries: Entries) -> Sequence[Found]:
        """Store entries, and what follows from those with a draft; called in the store's thread."""
        ...

    def hand_on(self, entries: Entries, found: Sequence[Found] | BaseException) -> None:
        """Go on with what was stored: it is at hand, and need not be read back; or forget what was not."""
        ...


class Arrival(Struct, frozen=True):
    """An entry to store, and who waits for the answer; what is called raises nothing."""

    entry: Entry
    told: Callable[[Answer], None]


class Storing:
    """Stores what arrives; `intake` is told of what is new, and senders what `answer` says of it.

    `answer` gets what came of an entry; of an error it is not sure that the entry is not on disk.
    """

    def __init__(
        self,
        node: Node,
        intake: Intake,
        answer: Callable[[str, Accepted | BaseException], Answer],
        limit_s: float = STORE_LIMIT_S,
    ) -> None:
        self._node = node
        self._intake = intake
        self._answer = answer
        self._limit_s = limit_s
        self._arrived: list[Arrival] = []
        self._writing: set[asyncio.Task[None]] = set()
        self._large = 0
        """Bytes of the large bodies that are not on disk yet, nor given up by the store."""

    def store(self, entry: Entry, told: Callable[[Answer], None]) -> None:
        """Store an entry with what else arrives in this turn of the event loop, and tell, in a later one."""
        if len(entry.body) > LARGE_BYTES and not self._is_let_in(entry):
            busy = StoreBusy("too many large events wait for the store; try again in a moment")
            asyncio.get_running_loop().call_soon(told, self._answer(entry.source, busy))
            return
        self._arrived.append(Arrival(entry, told))
        if len(self._arrived) == 1:
            task = asyncio.get_running_loop().create_task(self._store_arrived())
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def settled(self) -> None:
        """Return when what is being stored now is stored and handed on."""
        if self._writing:
            await asyncio.wait(set(self._writing))

    async def _store_arrived(self) -> None:
        await self._intake.settled()
        await moment_over(self._arrived, TOGETHER)
        arrived, self._arrived = self._arrived, []
        parts = [arrived[first : first + TOGETHER] for first in range(0, len(arrived), TOGETHER)]
        if len(parts) == 1:
            await self._store(arrived)
        else:
            await asyncio.gather(*map(self._store, parts))

    async def _store(self, arrived: Sequence[Arrival], *, drafts: bool = True) -> None:
        """Store together; where that fails for a mistake of ours, or for want of room, each on its own.

        On its own, an entry is stored as it came: what was decided about it may be the mistake.
        """
        entries = [each.entry for each in arrived]
        ways = self._intake.ways(entries, self._node.clock.now() if drafts else None)
        rows = list(zip(entries, ways, strict=True))
        put_off = _PutOff(arrived, self._tell, self._limit_s)
        found: Sequence[Found] | BaseException
        try:
            found = await self._node.database.write(lambda c: self._intake.accept(c, rows), weight=len(rows))
        except asyncio.CancelledError:
            found = StoreUnavailable("the bridge is stopping")
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to those who wait
            found = error
        put_off.end()
        self._hand_on(rows, found)
        if put_off.happened:
            self._let_out(entries)
            return
        if (drafts or len(arrived) > 1) and _is_for_some(found):
            await asyncio.gather(*(self._store([each], drafts=False) for each in arrived))
            return
        self._let_out(entries)
        if isinstance(found, BaseException):
            self._tell(arrived, found)
        else:
            self._tell_stored(arrived, found)

    def _is_let_in(self, entry: Entry) -> bool:
        """Take account of a large body, if there is room: who waited in vain may leave it in the queue."""
        if self._large + len(entry.body) > ROOM_BYTES:
            return False
        self._large += len(entry.body)
        return True

    def _let_out(self, entries: Sequence[Entry]) -> None:
        if self._large:
            sizes = (len(entry.body) for entry in entries)
            self._large -= sum(size for size in sizes if size > LARGE_BYTES)

    def _hand_on(self, rows: Entries, found: Sequence[Found] | BaseException) -> None:
        """Hand on; a mistake of ours in that changes nothing about what senders are told."""
        try:
            self._intake.hand_on(rows, found)
        except Exception:  # logged with its traceback; what is stored under leases is found when they run out
            self._node.log.exception("entries not handed on", entries=len(rows))

    def _tell_stored(self, arrived: Sequence[Arrival], found: Sequence[Found]) -> None:
        for each, (accepted, _) in zip(arrived, found, strict=True):
            outcome: Accepted | BaseException = accepted
            try:
                self._node.reached(_ACCEPTED)
            except BaseException as error:  # noqa: BLE001 - a test that ends the process here
                outcome = error
            each.told(self._answer(each.entry.source, outcome))

    def _tell(self, arrived: Sequence[Arrival], error: BaseException) -> None:
        for each in arrived:
            each.told(self._answer(each.entry.source, error))


class _PutOff:
    """Tells those who wait that they shall come again, once the store has taken too long.

    What is written after all goes on like anything else, and their repetition is a duplicate.
    """

    __slots__ = ("_arrived", "_tell", "_timer", "happened")

    def __init__(
        self,
        arrived: Sequence[Arrival],
        tell: Callable[[Sequence[Arrival], BaseException], None],
        limit_s: float,
    ) -> None:
        self.happened = False
        self._arrived = arrived
        self._tell = tell
        self._timer = asyncio.get_running_loop().call_later(limit_s, self._put_off)

    def end(self) -> None:
        """Put nobody off any more."""
        self._timer.cancel()

    def _put_off(self) -> None:
        self.happened = True
        self._tell(self._arrived, TimeoutError())


def _is_for_some(found: Sequence[Found] | BaseException) -> bool:
    """Return whether some of those that were not stored together may be stored all the same."""
    if isinstance(found, StoreUnavailable):
        return isinstance(found, StoreBusy)
    return isinstance(found, BaseException)
