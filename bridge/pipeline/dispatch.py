"""From an inbox entry to deliveries: events, the rules' plan, claims and outbox rows in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge.core.events import Event, Facts
from bridge.core.identity import claim_key, delivery_id, lane_key
from bridge.core.outcomes import State
from bridge.core.paths import FactPath, parse_path
from bridge.core.routing import Plan, Router, Wanted
from bridge.pipeline.node import Node, Point
from bridge.pipeline.patience import until_written
from bridge.sources.base import Malformed, Parsed, Request, Source, Unsupported
from bridge.store import inbox, memory, outbox
from bridge.store.database import Connection
from bridge.store.deliveries import NewDelivery
from bridge.store.inbox import Entry, EntryFacts

TRIES_LIMIT = 5
"""How often an entry is taken up before it is held to be what ends the process."""
POISON = (
    f"taken up {TRIES_LIMIT} times without finishing: the bridge ended each time, or took longer than a "
    "lease; look at the log, then replay"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What `once_per` asks to be taken: the key, and its values to show to a person."""

    key: bytes
    label: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A delivery that a rule wants, with the claim it needs."""

    delivery: NewDelivery
    claim: Claim | None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A wanted action that leads to no delivery, and why."""

    rule: str
    action: str
    why: str


class LeaseLost(Exception):
    """Another worker took the entry over; what this one decided is rolled back."""


class Dispatcher:
    """Takes entries through the rules. `wake` is called with the names of channels that got work."""

    def __init__(
        self,
        node: Node,
        sources: Mapping[str, Source],
        router: Router,
        wake: Callable[[frozenset[str]], None],
        *,
        deliver_tests: bool = False,
    ) -> None:
        self._node = node
        self._sources = sources
        self._router = router
        self._wake = wake
        self._deliver_tests = deliver_tests

    async def dispatch(self, entry: Entry, lease: str) -> None:
        """Finish or park one claimed entry; an error of ours parks it too, so it cannot block the others.

        While the store is away it waits: an entry that is taken up anew has ended its process, or lost its
        lease, and one that keeps doing so is parked.
        """
        try:
            await self._dispatch(entry, lease)
        except LeaseLost:
            self._node.log.warning("entry was taken over by another worker", entry=entry.seq)
        except Exception as error:  # recorded with its traceback; one entry must not stop the others
            self._node.log.exception("entry parked after an unexpected error", entry=entry.seq)
            why = f"unexpected {type(error).__name__} while dispatching; see the log"
            await self._park(entry, lease, why)

    async def _dispatch(self, entry: Entry, lease: str) -> None:
        if entry.tries > TRIES_LIMIT:
            await self._park(entry, lease, POISON)
            return
        match self._parse(entry):
            case Malformed(why=why):
                await self._park(entry, lease, why)
            case Unsupported(why=why):
                await self._finish(entry, lease, EntryFacts(), {"note": why}, [])
            case events:
                await self._finish_events(entry, lease, events)

    def _parse(self, entry: Entry) -> Parsed:
        source = self._sources.get(entry.source)
        if source is None:
            return Malformed(f"source '{entry.source}' is no longer in the configuration; add it and replay")
        return source.parse(Request(entry.headers, entry.body, entry.received_at))

    async def _finish_events(self, entry: Entry, lease: str, events: tuple[Event, ...]) -> None:
        planned: list[Planned] = []
        skipped: list[Skipped] = []
        plans: list[Plan] = []
        for index, event in enumerate(events):
            facts = event.facts()
            plan = self._router.plan(event, facts)
            plans.append(plan)
            for wanted in plan.wanted:
                result = self._plan(entry, index, event, facts, wanted)
                (planned if isinstance(result, Planned) else skipped).append(result)  # type: ignore[arg-type]
        await self._finish(entry, lease, _entry_facts(events), _summary(plans, skipped), planned)

    def _plan(
        self, entry: Entry, index: int, event: Event, facts: Facts, wanted: Wanted
    ) -> Planned | Skipped:
        action, now = wanted.action, self._node.clock.now()
        withheld = event.test and not self._deliver_tests
        claim = _claim(self._node.database.secret, wanted, facts)
        if isinstance(claim, Skipped):
            return claim
        delivery = NewDelivery(
            id=delivery_id(entry.key, index, action.rule, action.name, entry.run),
            entry_seq=entry.seq,
            event_index=index,
            run=entry.run,
            rule=action.rule,
            action=action.name,
            channel=action.channel,
            lane=_lane(self._node.database.secret, action.channel, event),
            created_at=now,
            due_at=now,
            expires_at=event.occurred_at + action.expires if action.expires else None,
            state=State.WITHHELD if withheld else State.PENDING,
            why="the platform's own test event; set deliver_tests: true to send it" if withheld else None,
        )
        return Planned(delivery, None if withheld else claim)

    async def _finish(
        self, entry: Entry, lease: str, facts: EntryFacts, summary: dict[str, object], planned: list[Planned]
    ) -> None:
        self._node.reached(Point.PLANNED)
        now = self._node.clock.now()
        created = await until_written(
            self._node,
            lambda connection: _commit(connection, entry, lease, now, facts, summary, planned),
            "entry waits, the store cannot be written",
            entry=entry.seq,
        )
        self._node.reached(Point.DISPATCHED)
        self._node.log.info(
            "event dispatched", entry=entry.seq, source=entry.source, type=facts.type, deliveries=len(created)
        )
        self._wake(frozenset(delivery.channel for delivery in created if delivery.state is State.PENDING))

    async def _park(self, entry: Entry, lease: str, why: str) -> None:
        now = self._node.clock.now()
        self._node.log.warning("entry parked", entry=entry.seq, source=entry.source, why=why)
        await until_written(
            self._node,
            lambda connection: inbox.park(connection, entry.seq, lease=lease, now=now, why=why),
            "entry waits, the store cannot be written",
            entry=entry.seq,
        )


def _commit(
    connection: Connection,
    entry: Entry,
    lease: str,
    now: datetime,
    facts: EntryFacts,
    summary: dict[str, object],
    planned: list[Planned],
) -> list[NewDelivery]:
    """Write everything that follows from one entry; the writer may run it again after a rollback."""
    created: list[NewDelivery] = []
    taken: list[dict[str, str]] = []
    for plan in planned:
        delivery = plan.delivery
        holder = _reserve(connection, plan, now)
        if holder not in (None, delivery.id):
            why = f"once_per: already sent or under way as delivery {holder}"
            taken.append({"rule": delivery.rule, "action": delivery.action, "why": why})
        elif outbox.enqueue(connection, delivery):
            created.append(delivery)
    skipped = [*_listed(summary, "skipped"), *taken]
    complete = {**summary, "deliveries": len(created), **({"skipped": skipped} if skipped else {})}
    if not inbox.finish(connection, entry.seq, lease=lease, now=now, facts=facts, summary=complete):
        raise LeaseLost
    return created


def _reserve(connection: Connection, plan: Planned, now: datetime) -> str | None:
    if plan.claim is None:
        return None
    delivery = plan.delivery
    return memory.reserve(
        connection,
        key=plan.claim.key,
        rule=delivery.rule,
        action=delivery.action,
        label=plan.claim.label,
        delivery_id=delivery.id,
        now=now,
    )


def _claim(secret: bytes, wanted: Wanted, facts: Facts) -> Claim | Skipped | None:
    action = wanted.action
    if not action.once_per:
        return None
    values: list[str] = []
    for text in action.once_per:
        path = parse_path(text)
        value = path.one(facts) if isinstance(path, FactPath) else None
        if value is None:
            return Skipped(
                action.rule, action.name, f"once_per needs '{text}', which this event does not have"
            )
        values.append(value.casefold() if text.endswith(".email") else value)
    label = ", ".join(f"{text}={value}" for text, value in zip(action.once_per, values, strict=True))
    return Claim(claim_key(secret, action.rule, action.name, values), label)


def _lane(secret: bytes, channel: str, event: Event) -> bytes | None:
    if event.learner is None:
        return None
    person = event.learner.email or event.learner.id
    return lane_key(secret, channel, person.casefold()) if person else None


def _entry_facts(events: tuple[Event, ...]) -> EntryFacts:
    if not events:
        return EntryFacts()
    event = events[0]
    return EntryFacts(
        event_id=event.id,
        type=event.type,
        kind=event.kind,
        occurred_at=event.occurred_at,
        learner_email=event.learner.email if event.learner else None,
        test=event.test,
    )


def _summary(plans: list[Plan], skipped: list[Skipped]) -> dict[str, object]:
    summary: dict[str, object] = {"matched": [rule for plan in plans for rule in plan.matched]}
    if skipped:
        summary["skipped"] = [{"rule": s.rule, "action": s.action, "why": s.why} for s in skipped]
    failed = [failure for plan in plans for failure in plan.failed]
    if failed:
        summary["failed"] = [{"rule": f.rule, "action": f.action or "", "why": f.why} for f in failed]
    return summary


def _listed(summary: Mapping[str, object], name: str) -> list[object]:
    value = summary.get(name)
    return list(value) if isinstance(value, list) else []
