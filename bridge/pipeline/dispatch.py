"""What the plan for entries leads to, in one transaction: claims, outbox rows, and the entries done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from bridge.core.events import Event
from bridge.core.limits import Use
from bridge.core.outcomes import State
from bridge.core.rules import OWNER_RULE
from bridge.core.unless import meanwhile
from bridge.pipeline import gather, suppression
from bridge.pipeline.counting import firing
from bridge.pipeline.node import Node, Point
from bridge.pipeline.outlet import Outlet
from bridge.pipeline.patience import until_written
from bridge.pipeline.plan import Park, Planned, Planner, Settle
from bridge.pipeline.register import Place, Register
from bridge.pipeline.rulebook import Rulebook
from bridge.store import collections, halts, inbox, limits, memory, outbox, threads, watches
from bridge.store.database import Connection
from bridge.store.deliveries import Queued, as_kept
from bridge.store.inbox import Entry


class LeaseLost(Exception):
    """Another worker took the entry over; what this one decided is rolled back, and nothing is left to do."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A claimed entry, and what shall become of it."""

    entry: Entry
    lease: str
    plan: Park | Settle

    @property
    def planned(self) -> Sequence[Planned]:
        """The deliveries that follow."""
        return self.plan.planned if isinstance(self.plan, Settle) else ()


Read = Park | Settle | tuple[Event, ...]
"""What an entry holds: its events, or what becomes of it without any."""
Stored = Mapping[str, Queued]
"""The deliveries that were stored, by their ids."""


class Dispatcher:
    """Takes entries through the rules; `outlets` are the channels at work.

    With a `rulebook`, summaries name the rules that decided, for explanations later on. `trouble` is called
    when a rule was paused.
    """

    def __init__(
        self,
        node: Node,
        register: Register,
        planner: Planner,
        outlets: Mapping[str, Outlet],
        rulebook: Rulebook | None = None,
        trouble: Callable[[], None] = lambda: None,
    ) -> None:
        self._node = node
        self._register = register
        self._planner = planner
        self._outlets = outlets
        self._rulebook = rulebook
        self._trouble = trouble
        # What asks the store before it is planned must not be overtaken by what follows it.
        self._turn = asyncio.Lock()

    async def dispatch(self, claimed: Sequence[tuple[Entry, str]]) -> None:
        """Finish or park claimed entries, each with its lease; an error of ours parks the one at fault.

        While the store is away it waits: an entry that is taken up anew has ended its process, or lost its
        lease, and one that keeps doing so is parked.
        """
        async with self._turn:
            rules = {} if self._rulebook is None else {"rules": await self._rulebook.kept()}
            entries = [entry for entry, _ in claimed]
            known = await self._known([(entry, self._read(entry)) for entry in entries])
            plans = map(self._plan, entries, known)
            verdicts = [
                Verdict(entry, lease, plan) for (entry, lease), plan in zip(claimed, plans, strict=True)
            ]
        await self._write(verdicts, rules)

    def _read(self, entry: Entry) -> Read:
        try:
            return self._planner.read(entry)
        except Exception as error:  # recorded with its traceback; one entry must not stop the others
            self._node.log.exception("entry parked after an unexpected error", entry=entry.seq)
            return Park(_unexpected(error))

    async def _known(self, read: Sequence[tuple[Entry, Read]]) -> list[Read]:
        """Return what was read with what is known of the learners; what they did is noted before."""
        events = [
            (Place(entry.seq, index), event)
            for entry, found in read
            if isinstance(found, tuple)
            for index, event in enumerate(found)
        ]
        try:
            known = iter(await self._register.enter(events))
        except Exception as error:  # recorded with its traceback, and the one at fault is found
            if len(read) > 1:
                return [(await self._known([each]))[0] for each in read]
            entry = read[0][0]
            self._node.log.exception("entry parked after an unexpected error", entry=entry.seq)
            return [Park(_unexpected(error))]
        return [tuple(islice(known, len(found))) if isinstance(found, tuple) else found for _, found in read]

    def _plan(self, entry: Entry, read: Read) -> Park | Settle:
        plan: Park | Settle
        try:
            plan = self._planner.plan(entry, read) if isinstance(read, tuple) else read
        except Exception as error:  # recorded with its traceback; one entry must not stop the others
            self._node.log.exception("entry parked after an unexpected error", entry=entry.seq)
            plan = Park(_unexpected(error))
        self._node.reached(Point.PLANNED)
        return plan

    async def _write(self, verdicts: Sequence[Verdict], rules: Mapping[str, object]) -> None:
        """Write together; where that fails, each on its own, so that one does no harm to the others."""
        try:
            stored = await self._written(verdicts, rules)
        except Exception as error:  # recorded with its traceback, and the one at fault is found
            self._node.log.exception(
                "entries not written", first=verdicts[0].entry.seq, entries=len(verdicts)
            )
            await self._apart(verdicts, rules, error)
        else:
            for verdict, deliveries in zip(verdicts, stored, strict=True):
                self._node.reached(Point.DISPATCHED)
                self._follow(verdict, deliveries)
                self._tell(verdict, deliveries)
                self._halt(verdict, deliveries)

    async def _written(self, verdicts: Sequence[Verdict], rules: Mapping[str, object]) -> list[Stored]:
        now, secret = self._node.clock.now(), self._node.database.secret
        return await until_written(
            self._node,
            lambda connection: [_commit(connection, verdict, rules, now, secret) for verdict in verdicts],
            "entries wait, the store cannot be written",
            entry=verdicts[0].entry.seq,
            entries=len(verdicts),
        )

    async def _apart(
        self, verdicts: Sequence[Verdict], rules: Mapping[str, object], error: Exception
    ) -> None:
        """Write each on its own, or park the only one."""
        if len(verdicts) > 1:
            for verdict in verdicts:
                await self._write([verdict], rules)
            return
        self._follow(verdicts[0], {})
        if not isinstance(error, LeaseLost):
            entry, lease = verdicts[0].entry, verdicts[0].lease
            await self._write([Verdict(entry, lease, Park(_unexpected(error)))], {})

    def _follow(self, verdict: Verdict, stored: Stored) -> None:
        """Send stored deliveries at once where that was offered, or say that they wait in the store."""
        for planned in verdict.planned:
            outlet = self._outlets.get(planned.delivery.channel)
            queued = stored.get(planned.delivery.id)
            if outlet is None or planned.delivery.held_until is not None:
                continue  # the loop finds what is held when its time has come
            if planned.offer is None:
                if queued is not None and not queued.kept:
                    outlet.worker.wake()
            elif queued is not None and queued.leased:
                outlet.begin(queued.seq, planned.delivery, planned.offer, verdict.entry)
            else:
                outlet.worker.let_go()

    def _halt(self, verdict: Verdict, stored: Stored) -> None:
        """Remember the rules that keep what they make from now on."""
        if not any(queued.kept for queued in stored.values()):
            return
        kept = {
            planned.delivery.rule
            for planned in verdict.planned
            if (queued := stored.get(planned.delivery.id)) is not None and queued.kept
        }
        for rule in sorted(self._node.halts.add(kept)):
            self._node.log.warning("rule is paused, its deliveries are kept", rule=rule)
            self._trouble()

    def _tell(self, verdict: Verdict, stored: Stored) -> None:
        entry, log = verdict.entry, self._node.log
        match verdict.plan:
            case Park(why=why):
                log.warning("entry parked", entry=entry.seq, source=entry.source, why=why)
            case Settle(facts=facts):
                log.info(
                    "event dispatched",
                    entry=entry.seq,
                    source=entry.source,
                    type=facts.type,
                    deliveries=len(stored),
                )


def _unexpected(error: Exception) -> str:
    return f"unexpected {type(error).__name__} while dispatching; see the log"


def _commit(
    connection: Connection, verdict: Verdict, rules: Mapping[str, object], now: datetime, secret: bytes
) -> dict[str, Queued]:
    """Write everything that follows from one entry; the writer may run it again after a rollback."""
    seq, lease = verdict.entry.seq, verdict.lease
    match verdict.plan:
        case Park(why=why):
            stored: dict[str, Queued] = {}
            ours = inbox.park(connection, seq, lease=lease, now=now, why=why)
        case Settle(facts=facts, summary=summary) as plan:
            again = verdict.entry.run > 1
            stored, taken = consequences(connection, plan, verdict.entry, now, secret, again=again)
            decided = _complete({**rules, **summary}, len(stored), taken)
            ours = inbox.finish(connection, seq, lease=lease, now=now, facts=facts, summary=decided)
    if not ours:
        raise LeaseLost
    return stored


def consequences(
    connection: Connection, plan: Settle, entry: Entry, now: datetime, secret: bytes, *, again: bool
) -> tuple[dict[str, Queued], list[dict[str, str]]]:
    """Write what follows from an entry's events; returns the deliveries, and what is said of the others.

    `secret` is the store's. `again` says that the entry has been through these rules before.
    """
    for sighting in plan.sightings:
        watches.see(connection, sighting, entry.seq, now=now)
    planned, waiting = firing(connection, plan.tallies, plan.planned, again=again)
    stored, taken = _enqueue_all(connection, planned, now, secret)
    return stored, [*waiting, *taken]


def _enqueue_all(
    connection: Connection, planned: Sequence[Planned], now: datetime, secret: bytes
) -> tuple[dict[str, Queued], list[dict[str, str]]]:
    """Store the deliveries that nothing forbids; returns them, and what is said of the others."""
    stored: dict[str, Queued] = {}
    taken: list[dict[str, str]] = []
    for wanted in planned:
        plan = _for_whom_it_may(connection, wanted, secret)
        delivery = plan.delivery
        seen = watches.seen(connection, plan.watch, delivery.entry_seq) if plan.watch else None
        if seen is not None:
            why = meanwhile(seen.kind, seen.entry)
            taken.append({"rule": delivery.rule, "action": delivery.action, "why": why})
            continue
        if plan.use is not None and _is_over(connection, plan.use, delivery.id):
            taken.append({"rule": delivery.rule, "action": delivery.action, "why": plan.use.why})
            continue
        holder = _reserve(connection, plan, now)
        if holder not in (None, delivery.id):
            why = f"once_per: already sent or under way as delivery {holder}"
            skipped = {"rule": delivery.rule, "action": delivery.action, "why": why, "holder": holder or ""}
            taken.append(skipped)
        elif (queued := _enqueue(connection, plan, at_once=plan is wanted)) is not None:
            stored[delivery.id] = queued
            if delivery.state is State.SUPPRESSED:  # reserved and let go, so that a retry asks for it again
                memory.follow(connection, delivery.id, State.SUPPRESSED, now=now)
    return stored, taken


def _for_whom_it_may(connection: Connection, plan: Planned, secret: bytes) -> Planned:
    """Return the plan, unless not all of its people may get the message; if some may, the loop sends it."""
    offer = plan.offer
    if offer is None or plan.delivery.rule == OWNER_RULE or not suppression.has_people(offer.payload):
        return plan
    people = suppression.allowed(connection, secret, offer.payload)
    if not people.kept_from:
        return plan
    if people.to:
        return replace(plan, offer=replace(offer, payload=suppression.only_for(offer.payload, people.to)))
    return replace(plan, delivery=suppression.suppressed(plan.delivery, people.why), brake=None)


def _enqueue(connection: Connection, plan: Planned, *, at_once: bool) -> Queued | None:
    delivery, key = gather.join(connection, plan.delivery, plan.gathering)
    if plan.brake is not None and not halts.lets(connection, plan.brake, now=plan.delivery.created_at):
        queued = outbox.enqueue(connection, as_kept(delivery))
    else:
        offer = plan.offer
        queued = outbox.enqueue(
            connection,
            delivery,
            payload=offer.payload if offer else plan.shown,
            lease=offer.lease if offer and at_once else None,
        )
    if queued is not None and key is not None:
        collections.add(connection, queued.seq, key)
    if queued is not None and plan.watch is not None:
        watches.watch(connection, queued.seq, plan.watch, plan.delivery.entry_seq)
    if queued is not None and plan.use is not None:
        limits.count(connection, plan.use, plan.delivery.id, now=plan.delivery.created_at)
    if queued is not None and plan.adds is not None:
        threads.count(connection, plan.adds, now=plan.delivery.created_at)
    return queued


def _is_over(connection: Connection, use: Use, delivery_id: str) -> bool:
    limits.hold(connection, use)
    return limits.is_reached(connection, use, delivery_id)


def _reserve(connection: Connection, plan: Planned, now: datetime) -> str | None:
    if plan.claim is None:
        return None
    return memory.reserve_claim(connection, plan.claim, plan.delivery.id, now=now)


def _complete(
    summary: Mapping[str, object], stored: int, taken: Sequence[Mapping[str, str]]
) -> dict[str, object]:
    before = summary.get("skipped")
    skipped = [*(before if isinstance(before, list) else ()), *taken]
    return {**summary, "deliveries": stored, **({"skipped": skipped} if skipped else {})}
