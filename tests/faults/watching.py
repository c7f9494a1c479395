"""What must hold of a bridge whatever comes first: asked while it plays, at each rest, and at the end."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select

from bridge.store.schema import DONE, NEW, PARKED, deliveries, inbox
from tests.faults.doors import Options, World
from tests.faults.houses import House
from tests.support.pipeline import RecordingLog

NOT_RECORDED = "result not recorded before the bridge stopped, the message may go out again"
EXPECTED = frozenset(
    {
        "event not stored",
        "the store cannot be used, the owner is told when it can",
        "channel raised",
        "entries not written",
        "trouble",
        NOT_RECORDED,
    }
)
"""What is logged as an error in such times."""
_other = deliveries.alias()
_EARLIER = (
    select(deliveries.c.seq, deliveries.c.lane, _other.c.seq, _other.c.state)
    .join_from(deliveries, _other, _other.c.lane == deliveries.c.lane)
    .where(
        deliveries.c.id == bindparam("given"),
        _other.c.ready_at.is_not(None),
        _other.c.seq < deliveries.c.seq,
        _other.c.held_until.is_(None),
    )
)
"""What is open of a delivery's lane, and came before it."""
_OPEN = select(
    *(deliveries.c[name] for name in ("seq", "channel", "state", "lease", "attempts", "ready_at"))
).where(deliveries.c.ready_at.is_not(None))
_WAITING = select(inbox.c.seq, inbox.c.lease, inbox.c.tries, inbox.c.run).where(inbox.c.state == NEW)


class Wrong(AssertionError):
    """Something that must not be."""


class Watch:
    """Watches processes that share a store and their destinations."""

    def __init__(self, chance: random.Random, options: Options) -> None:
        self.chance = chance
        self.options = options
        self.world = World(chance, options, self._came)
        self.clock = self.world.clock
        self.log = RecordingLog()
        self.trace: list[str] = []
        self._houses: list[House] = []
        self._excuses: set[str] = set()
        """Why a look at the store may find something that nobody was woken for."""
        self._reopened: set[bytes] = set()
        """Lanes in which a person let something go on that had ended."""
        self._broken: list[str] = []
        self._taken: set[str] = set()
        """Events that were answered 200."""

    def _came(self, id_: str) -> None:
        self.trace.append(f"message {id_[-6:]}")
        if self.world.accepted[id_] and not self._may_repeat(id_):
            self._broken.append(f"{id_} is sent again")
        for seq, lane, before, state in self._rows(_EARLIER, given=id_):
            if bytes(lane) not in self._reopened and not self._may_repeat(id_):
                self._broken.append(f"{seq} overtakes {before}, which is {state}")

    def _may_repeat(self, id_: str) -> bool:
        lost = (line for line in self.log.lines if line.event == NOT_RECORDED)
        return id_ in self.world.may_repeat or any(line.fields["delivery"] == id_ for line in lost)

    def _excused(self) -> set[str]:
        """Return why a look at the store may find something that nobody was woken for."""
        for house in self._houses:
            if house.failed:
                self._excuses.add("the store was away")
            if house.thread.refused:
                self._excuses.add("the store was busy")
            house.failed = house.thread.refused = False
        return set(self._excuses)

    def _standing(self) -> dict[tuple[str, int], tuple[object, ...]]:
        """Return what is open."""
        entries = {("entry", row[0]): tuple(row[1:]) for row in self._rows(_WAITING)}
        return entries | {("delivery", row[0]): tuple(row[1:]) for row in self._rows(_OPEN)}

    def _check_hands(self) -> None:
        """Nobody holds hands or turns for anything that is not under way."""
        hangs = any(sent.hangs for sent in self.world.under_way)
        for house in self._houses:
            engine = house.engine
            if engine is None or house.ingest._storing._arrived:
                raise Wrong("nothing is at work, or entries have arrived that nobody stores")
            for each in engine._workers():
                busy = len(each.at_work) + len(each._gathered)
                if each._free != each._hands - busy or each._claiming or (busy and not hangs):
                    raise Wrong(f"{each.name} has {each._free} hands of {each._hands}, {busy} at work")
            for name, outlet in engine._outlets.items():
                turns, mine = outlet._deliverer._turns, self.world.engines.index(engine)
                taken = sum((sent.channel, sent.engine) == (name, mine) for sent in self.world.under_way)
                if turns._free != outlet.channel.policy.concurrency - taken:
                    raise Wrong(f"{name} has {turns._free} turns, and {taken} are taken")
            for task in engine.watch():
                if task.done():
                    raise Wrong(f"the loop {task.get_name()} has ended")

    def _check_end(self) -> None:
        """Everything has come to an end, and what is recorded is what has happened."""
        states = Counter(state for (state,) in self._rows(select(inbox.c.state)))
        if states.keys() - {DONE, PARKED}:
            raise Wrong(f"entries are {states}")
        kept = {key for (key,) in self._rows(select(inbox.c.delivery_key))}
        if self._taken - kept:
            raise Wrong(f"answered and not stored: {self._taken - kept}")
        delivered = {
            id_ for (id_,) in self._rows(select(deliveries.c.id).where(deliveries.c.state == "delivered"))
        }
        accepted = {id_ for id_, times in self.world.accepted.items() if times}
        odd = [id_ for id_ in accepted - delivered if not self._may_repeat(id_)]
        if odd or self._broken:
            raise Wrong(f"{self._broken[:3]}; sent and not recorded: {odd}")
        errors = [line for line in self.log.lines if line.level in ("error", "exception")]
        unexpected = [line for line in errors if line.event not in EXPECTED]
        if unexpected:
            raise Wrong(f"logged: {unexpected[:3]}")

    def _rows(self, statement: Any, **given: object) -> Sequence[Any]:
        with self._houses[0].engines.reader.connect() as connection:
            return connection.execute(statement, given).all()
