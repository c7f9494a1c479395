"""What a catch-up would come to, found out in pages, with bounded memory, without a write."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from msgspec import Struct

from bridge.core.catchups import CLAIMED, EVENTS, LIMITED, MADE, MATCHED, WITHDRAWN
from bridge.core.events import Event
from bridge.core.identity import learner_key
from bridge.core.limits import Use
from bridge.core.rules import Action, Rule
from bridge.core.unless import Watch
from bridge.pipeline.judging import Judge, Judged, left_out, why_not
from bridge.pipeline.node import Node
from bridge.pipeline.planned import Planned
from bridge.sources.base import Source
from bridge.store import catchups, limits, memory, watches
from bridge.store.catchups import Span
from bridge.store.database import Connection
from bridge.store.entries import Entry

REMEMBERED = 100_000
"""People, claims and counts that are told apart; beyond them the numbers are the most that it can be."""
SAMPLES = 3


class Sample(Struct, frozen=True):
    """A message that would be made: of which event, by which action."""

    event: Event
    action: Action


class Foreseen(Struct, frozen=True):
    """`counts` as a catch-up has them; of the messages so many `later`, because something holds them.

    `at_most` says that there were too many people or claims to tell all apart, or that the rule counts with
    `after`, of which only the doing shows what fires.
    """

    counts: Mapping[str, int]
    later: int
    people: int
    samples: tuple[Sample, ...]
    at_most: bool

    @property
    def messages(self) -> int:
        """How many would be made."""
        return self.counts.get(MADE, 0)


class Foresight:
    """Takes a rule over stored events and notes what would follow."""

    def __init__(self, node: Node, sources: Mapping[str, Source], rule: Rule) -> None:
        self._node = node
        self._judge = Judge(node, sources, rule)
        self._actions = {action.name: action for action in rule.actions}
        self._counts: Counter[str] = Counter()
        self._later = 0
        self._people: set[bytes] = set()
        self._claims: set[bytes] = set()
        self._uses: defaultdict[bytes, list[datetime]] = defaultdict(list)
        self._used = 0
        self._seen: dict[bytes, tuple[datetime, int]] = {}
        self._samples: list[Sample] = []
        self._counting = False

    async def foresee(self, span: Span, progress: Callable[[int], None] = lambda _: None) -> Foreseen:
        """Go over the events of a span; `progress` is told how many were looked at."""
        after = 0
        if self._judge.watches:
            await self._watch(span.and_after)
        while page := await self._page(span, after):
            after = page[-1].seq
            await self._node.database.read(partial(self._look, page=page))
            self._counts[EVENTS] += len(page)
            progress(len(page))
        full = max(len(self._people), len(self._claims), self._used, len(self._seen)) >= REMEMBERED
        return Foreseen(
            self._counts, self._later, len(self._people), tuple(self._samples), full or self._counting
        )

    async def _watch(self, span: Span) -> None:
        """Find what withdraws messages, the last event of each key."""
        after = 0
        while page := await self._page(span, after):
            after = page[-1].seq
            found = await self._node.database.read(partial(self._judge.sightings, entries=page))
            for entry, sightings in found:
                for each in sightings:
                    if each.key in self._seen or len(self._seen) < REMEMBERED:
                        last = self._seen.get(each.key, (each.at, entry))
                        self._seen[each.key] = max(last, (each.at, entry))

    async def _page(self, span: Span, after: int) -> list[Entry]:
        return await self._node.database.read(lambda c: catchups.entries(c, span, after))

    def _look(self, connection: Connection, page: list[Entry]) -> None:
        now = self._node.clock.now()
        for judged in self._judge.judge(connection, page):
            self._counts[MATCHED] += judged.matched
            self._counts.update(left_out(judged.plan))
            self._counting |= bool(judged.plan.tallies)
            for planned in judged.plan.planned:
                left = self._left(connection, judged, planned, now)
                if left:
                    self._counts[left] += 1
                else:
                    self._take(judged, planned)

    def _left(self, connection: Connection, judged: Judged, planned: Planned, now: datetime) -> str | None:
        """Return why it would not be made, in the order in which the store would say so."""
        action = self._actions[planned.delivery.action]
        left = why_not(connection, judged.entry, planned, action, now)
        if left:
            return left
        if planned.watch and self._is_overtaken(connection, planned.watch, judged.entry.seq):
            return WITHDRAWN
        use, claim = planned.use, planned.claim
        if use and self._number(connection, use) >= use.most:
            return LIMITED
        if claim and (claim.key in self._claims or memory.holder_of(connection, claim)):
            return CLAIMED
        return None

    def _number(self, connection: Connection, use: Use) -> int:
        """Return how many count when a message is due: of what was made before, and of what would be now."""
        ours = self._uses.get(use.key, ())
        return len(ours) - bisect_right(ours, use.at - use.per) + limits.number(connection, use)

    def _is_overtaken(self, connection: Connection, watch: Watch, entry: int) -> bool:
        at, seq = self._seen.get(watch.key, (watch.since, entry))
        return (at, seq) > (watch.since, entry) or watches.seen(connection, watch, entry) is not None

    def _take(self, judged: Judged, planned: Planned) -> None:
        event = judged.events[planned.delivery.event_index]
        self._counts[MADE] += 1
        self._later += planned.delivery.held_until is not None
        person = learner_key(self._node.database.secret, event)
        if person and len(self._people) < REMEMBERED:
            self._people.add(person)
        if planned.claim and len(self._claims) < REMEMBERED:
            self._claims.add(planned.claim.key)
        if planned.use and self._used < REMEMBERED:
            insort(self._uses[planned.use.key], planned.use.at)
            self._used += 1
        if len(self._samples) < SAMPLES:
            self._samples.append(Sample(event, self._actions[planned.delivery.action]))
