"""One rule over stored entries: what it makes of them, and what of that a catch-up leaves out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.catchups import EXPIRED, FAILED, HANDLED, reason_of
from bridge.core.events import Event
from bridge.core.formers import every_name
from bridge.core.routing import Router
from bridge.core.rules import Action, Rule
from bridge.core.unless import Lookout, Sighting
from bridge.pipeline.node import Node
from bridge.pipeline.plan import Planner, Settle
from bridge.pipeline.planned import Planned
from bridge.pipeline.register import Place, known
from bridge.sources.base import Source
from bridge.store import catchups
from bridge.store.database import Connection
from bridge.store.entries import Entry


class Judged(Struct, frozen=True):
    """What a rule makes of one entry: its events, as they are known, and the plan."""

    entry: Entry
    events: tuple[Event, ...]
    plan: Settle

    @property
    def wants(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.plan.planned) or self.matched > 0

    @property
    def matched(self) -> int:
        """How many of the events the rule matches."""
        found = self.plan.summary.get("matched")
        return len(found) if isinstance(found, list) else 0


class Judge:
    """Takes one rule over stored entries, as the dispatcher takes all rules over new ones."""

    def __init__(self, node: Node, sources: Mapping[str, Source], rule: Rule) -> None:
        self.rule = rule
        self._node = node
        # No outlets: whoever runs the bridge finds what is made here in the store.
        self._planner = Planner(node, sources, Router([rule]), {})
        self._lookout = Lookout([rule])
        self.watches = any(action.unless for action in rule.actions)

    def judge(self, connection: Connection, entries: Sequence[Entry]) -> list[Judged]:
        """Return what the rule makes of entries; those that hold no event are left out."""
        return [judged for entry in entries for judged in [self._judge(connection, entry)] if judged]

    def sightings(self, connection: Connection, entries: Sequence[Entry]) -> list[tuple[int, list[Sighting]]]:
        """Return what the events of entries withdraw, with the entries' numbers."""
        return [(entry.seq, self._sightings(connection, entry)) for entry in entries]

    def _sightings(self, connection: Connection, entry: Entry) -> list[Sighting]:
        secret = self._node.database.secret
        return [
            sighting
            for event in self._events(connection, entry)
            if not event.test
            for sighting in self._lookout.sightings(secret, event, event.facts(), entry.received_at)
        ]

    def _judge(self, connection: Connection, entry: Entry) -> Judged | None:
        events = self._events(connection, entry)
        if not events or all(event.test for event in events):
            return None
        plan = self._planner.plan(entry, events, self._node.clock.now())
        planned = [each for each in plan.planned if not events[each.delivery.event_index].test]
        return Judged(entry, events, replace(plan, planned=planned))

    def _events(self, connection: Connection, entry: Entry) -> tuple[Event, ...]:
        read = self._planner.read(replace(entry, tries=0))
        secret, catalogue = self._node.database.secret, self._node.catalogue
        if not isinstance(read, tuple):
            return ()
        return tuple(
            known(connection, secret, catalogue, Place(entry.seq, index), event)
            for index, event in enumerate(read)
        )


def why_not(
    connection: Connection, entry: Entry, planned: Planned, action: Action, now: datetime
) -> str | None:
    """Return why a catch-up leaves out what the rule wants: handled before, or over; None for nothing."""
    delivery = planned.delivery
    if catchups.is_handled(connection, entry.seq, delivery.event_index, every_name(action)):
        return HANDLED
    return EXPIRED if delivery.expires_at is not None and delivery.expires_at <= now else None


def left_out(plan: Settle) -> Counter[str]:
    """Return what the rules left out before asking the store, in numbers."""
    counts: Counter[str] = Counter()
    for word in ("skipped", "failed"):
        notes = plan.summary.get(word)
        for note in notes if isinstance(notes, list) else ():
            counts[FAILED if word == "failed" else reason_of(str(note["why"]))] += 1
    return counts
