"""A rule over stored events: foreseen first, then at a pace, once per claim, stoppable anywhere.

What an event leads to is decided as it is for a new one, and written with how far it came in one transaction,
so that neither a stop nor a kill loses or repeats anything. A delivery has the id that it would have had.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from msgspec.structs import replace

from bridge.channels.base import Channel
from bridge.core.catchups import BUSY, EVENTS, MADE, MATCHED, added, reason_of
from bridge.core.events import Event
from bridge.core.messages import Payload
from bridge.core.rates import Rate, allowed, taken
from bridge.core.rules import Rule
from bridge.core.unless import Sighting
from bridge.pipeline.compose import compose
from bridge.pipeline.judging import Judge, Judged, left_out, why_not
from bridge.pipeline.node import Node
from bridge.pipeline.planned import Planned
from bridge.pipeline.settling import consequences
from bridge.sources.base import Source
from bridge.store import catchups, watches
from bridge.store.catchups import Catchup, Span
from bridge.store.database import Connection
from bridge.store.entries import Entry

LEASE = timedelta(minutes=1)
"""How long after its process is gone a catch-up can be gone on with; renewed at every step."""
LONGEST_STEP_S = 15
Progress = Callable[[Catchup], None]
Ended = Literal["done", "stopped"]


class CatchupTaken(Exception):
    """Another process is at it, it was stopped from outside, or it is done."""


class Runner:
    """Takes a rule over stored events at a pace; `channels` make the messages that a shadow rule shows."""

    def __init__(
        self,
        node: Node,
        sources: Mapping[str, Source],
        rule: Rule,
        channels: Mapping[str, Channel],
        rate: Rate,
    ) -> None:
        self._node = node
        self._judge = Judge(node, sources, rule)
        self._channels = channels
        self._actions = {action.name: action for action in rule.actions}
        self._rate = rate
        self._arrival: datetime | None = None
        self._lease = f"{node.name}/catchup"

    async def run(self, seq: int, progress: Progress = lambda _: None) -> Ended:
        """Go on with a catch-up until it is done, or somebody stops it; raises `CatchupTaken`.

        A cancelled one is left as stopped, to be gone on with.
        """
        now = self._node.clock.now()
        mine = await self._node.database.write(
            lambda c: catchups.take(c, seq, self._lease, now=now, until=now + LEASE)
        )
        if not mine:
            raise CatchupTaken
        try:
            ended = await self._ways(seq, progress)
        except asyncio.CancelledError:
            await asyncio.shield(self._leave(seq, "stopped"))
            raise
        except BaseException:
            await self._leave(seq, "stopped")
            raise
        if ended == "done":
            await self._leave(seq, "done")
        progress(await self._read(seq))
        return ended

    async def _ways(self, seq: int, progress: Progress) -> Ended:
        noted = await self._note(seq) if self._judge.watches else True
        return await self._go_over(seq, progress) if noted else "stopped"

    async def _note(self, seq: int) -> bool:
        """Note what withdraws messages, also of after the span: the rule did not watch for it then."""
        job = await self._read(seq)
        after = job.noted
        while page := await self._page(job.span.and_after, after):
            after = page[-1].seq
            seen = await self._node.database.read(partial(self._judge.sightings, entries=page))
            now = self._node.clock.now()
            if not await self._written(seq, partial(_see, seen=seen, now=now), noted=after):
                return False
        return True

    async def _go_over(self, seq: int, progress: Progress) -> Ended:
        job = await self._read(seq)
        after = job.cursor
        while page := await self._page(job.span, after):
            judged = await self._node.database.read(partial(self._judge.judge, entries=page))
            wanting = [each.entry for each in judged if each.wants]
            for group in _groups(wanting, self._rate.burst):
                if not await self._paced(seq, len(group)):
                    return "stopped"
                if not await self._commit(seq, group, group[-1].seq, _between(page, after, group[-1].seq)):
                    return "stopped"
                after = group[-1].seq
                progress(await self._read(seq))
            rest = _between(page, after, page[-1].seq)
            if not await self._commit(seq, (), page[-1].seq, rest):
                return "stopped"
            after = page[-1].seq
            progress(await self._read(seq))
        return "done"

    async def _commit(self, seq: int, group: Sequence[Entry], cursor: int, looked: int) -> bool:
        """Write what follows from entries, and that it is written; the rules decide anew, as of now."""
        now = self._node.clock.now()
        judged = await self._node.database.read(partial(self._judge.judge, entries=group)) if group else []
        kept = {"now": now, "until": now + LEASE}

        def write(connection: Connection) -> int | None:
            job = catchups.find(connection, seq)
            if job is None or not catchups.keep(connection, seq, self._lease, **kept):
                return None
            counts: Counter[str] = Counter({EVENTS: looked})
            for each in judged:
                counts.update(self._settle(connection, each, now))
            total = added(job.counts, counts)
            catchups.keep(connection, seq, self._lease, **kept, cursor=cursor, counts=total)
            return counts[MADE]

        made = await self._node.database.write(write)
        if made:
            self._arrival = taken(self._rate, self._arrival, now, made)
        return made is not None

    def _settle(self, connection: Connection, judged: Judged, now: datetime) -> Counter[str]:
        """Write what follows from one entry; returns what became of it in numbers."""
        counts: Counter[str] = Counter({MATCHED: judged.matched})
        if not catchups.is_settled(connection, judged.entry):
            counts[BUSY] += max(1, len(judged.plan.planned))
            return counts
        planned: list[Planned] = []
        for each in judged.plan.planned:
            left = why_not(connection, judged.entry, each, self._actions[each.delivery.action], now)
            if left:
                counts[left] += 1
            else:
                planned.append(self._shown(each, judged.events))
        plan = replace(judged.plan, planned=planned, sightings=())
        stored, skipped = consequences(
            connection, plan, judged.entry, now, self._node.database.secret, again=False
        )
        counts[MADE] += len(stored)
        counts.update(reason_of(each["why"]) for each in skipped)
        counts.update(left_out(judged.plan))
        return counts

    def _shown(self, planned: Planned, events: Sequence[Event]) -> Planned:
        """Return it with its message, if it will only be shown; what is collected is made at its time."""
        delivery, action = planned.delivery, self._actions[planned.delivery.action]
        channel = self._channels.get(action.channel)
        if not action.shadow or action.digest is not None or channel is None:
            return planned
        composed = compose(
            action=action,
            channel=channel,
            facts=events[delivery.event_index].facts(),
            delivery_id=delivery.id,
            at=delivery.created_at,
            house=self._node.house,
        )
        return replace(planned, shown=composed) if isinstance(composed, Payload) else planned

    async def _paced(self, seq: int, count: int) -> bool:
        """Wait until so many may be made; False if it was stopped meanwhile."""
        while True:
            now = self._node.clock.now()
            let = allowed(self._rate, self._arrival, now, count)
            if let.count or let.until is None:
                return True
            await self._node.clock.sleep(min(LONGEST_STEP_S, (let.until - now).total_seconds()))
            if not await self._written(seq, lambda _: None):
                return False

    async def _written(self, seq: int, write: Callable[[Connection], object], **progress: object) -> bool:
        now = self._node.clock.now()

        def both(connection: Connection) -> bool:
            ours = catchups.keep(connection, seq, self._lease, now=now, until=now + LEASE, **progress)
            if ours:
                write(connection)
            return ours

        return await self._node.database.write(both)

    async def _page(self, span: Span, after: int) -> list[Entry]:
        return await self._node.database.read(lambda c: catchups.entries(c, span, after))

    async def _read(self, seq: int) -> Catchup:
        found = await self._node.database.read(lambda c: catchups.find(c, seq))
        if found is None:
            raise CatchupTaken
        return found

    async def _leave(self, seq: int, state: Ended) -> None:
        now = self._node.clock.now()
        await self._node.database.write(lambda c: catchups.leave(c, seq, self._lease, state, now=now))


def _see(connection: Connection, seen: Sequence[tuple[int, list[Sighting]]], now: datetime) -> None:
    for entry, sightings in seen:
        for sighting in sightings:
            watches.see(connection, sighting, entry, now=now)


def _groups(entries: Sequence[Entry], size: int) -> list[Sequence[Entry]]:
    return [entries[start : start + size] for start in range(0, len(entries), size)]


def _between(page: Sequence[Entry], after: int, last: int) -> int:
    return sum(after < entry.seq <= last for entry in page)
