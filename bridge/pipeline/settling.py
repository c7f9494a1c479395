"""Writes down what entries lead to, in the store's thread: claims, counts, deliveries, the entries done."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.limits import Use
from bridge.core.messages import Payload
from bridge.core.outcomes import State
from bridge.core.rules import OWNER_RULE
from bridge.core.trouble import Trouble
from bridge.core.unless import meanwhile
from bridge.pipeline import gather, suppression
from bridge.pipeline.counting import firing
from bridge.pipeline.plan import Park, Settle
from bridge.pipeline.planned import Planned
from bridge.store import collections, halts, inbox, incidents, limits, memory, outbox, threads, watches
from bridge.store.database import Connection
from bridge.store.deliveries import NewDelivery, Queued, as_kept
from bridge.store.entries import Accepted, Entry, Finished, Lease
from bridge.store.holds import hold
from bridge.store.outbox import LeaseLost
from bridge.store.turn import seqs_in_turn

Stored = Mapping[str, Queued]
"""The deliveries that were stored, by their ids."""


class Verdict(Struct):
    """An entry under a lease, what shall become of it, and what its summary says of the rules."""

    entry: Entry
    lease: str
    plan: Park | Settle
    rules: Mapping[str, object]

    @property
    def planned(self) -> Sequence[Planned]:
        """The deliveries that follow."""
        return self.plan.planned if isinstance(self.plan, Settle) else ()


class Draft(Struct):
    """What shall become of an entry that is not stored yet; it obliges to `follow` it or to `drop` it.

    `entry` is the entry as it will be but for its number.
    """

    entry: Entry
    plan: Settle
    rules: Mapping[str, object]
    now: datetime

    def foreseen(self, summaries: Summaries) -> Finished:
        """Return what is stored with the entry if nothing stands in the way of any delivery.

        `summaries` are those of the drafts that are stored together, which mostly have the same.
        """
        plan = self.plan
        key = (id(self.rules), id(plan.summary), len(plan.planned))
        summary = summaries.get(key)
        if summary is None:
            summary = summaries[key] = {**self.rules, **plan.summary, "deliveries": len(plan.planned)}
        return Finished(self.now, plan.facts, summary)

    def leads_on(self) -> bool:
        """Whether anything follows from it but that the entry is done."""
        plan = self.plan
        return bool(plan.planned or plan.sightings or plan.tallies)


Summaries = dict[tuple[int, int, int], Mapping[str, object]]
"""Summaries by the identities of what they are made of, while that lives, and the number of deliveries."""
Way = Draft | Lease | None
"""What an entry is stored with: what is decided about it, a lease, or nothing, as it came."""
Entries = Sequence[tuple[Entry, Way]]
"""Entries to store."""
Found = tuple[Accepted, Stored | None]
"""Where an entry stands, and the deliveries that were stored with it.

None if it is stored as it came in spite of its draft, because another one has to come before.
"""


def settle_all(
    connection: Connection, verdicts: Sequence[Verdict], now: datetime, secret: bytes
) -> list[Stored]:
    """Write everything that follows from entries; the writer may run it again after a rollback.

    `secret` is the store's. Raises `LeaseLost` if one of them is no longer ours.
    """
    queue = _Queue(connection, secret, (planned for verdict in verdicts for planned in verdict.planned))
    outcomes = [_follow(queue, verdict, now) for verdict in verdicts]
    queue.flush()
    finished = [
        (each.entry.seq, each.lease, Finished(now, each.plan.facts, outcome.summary(each.rules, each.plan)))
        for each, outcome in zip(verdicts, outcomes, strict=True)
        if isinstance(each.plan, Settle)
    ]
    if not inbox.finish_all(connection, finished):
        raise LeaseLost
    return [outcome.stored for outcome in outcomes]


def consequences(
    connection: Connection, plan: Settle, entry: Entry, now: datetime, secret: bytes, *, again: bool
) -> tuple[Stored, Sequence[Mapping[str, str]]]:
    """Write what follows from an entry's events; returns the deliveries, and what is said of the others.

    `again` says that the entry has been through these rules before.
    """
    queue, outcome = _Queue(connection, secret, plan.planned), _Outcome()
    _settle(queue, plan, entry.seq, outcome, now, again=again)
    queue.flush()
    return outcome.stored, outcome.skipped


def accept_all(connection: Connection, entries: Entries, secret: bytes) -> list[Found]:
    """Store entries, and of those with a draft everything that follows, in one go."""
    drafted = any(isinstance(way, Draft) for _, way in entries)
    seqs = seqs_in_turn(connection, len(entries)) if drafted else None
    if drafted and seqs is None:
        undecided = [(entry, None if isinstance(way, Draft) else way) for entry, way in entries]
        return [(found, None) for found in inbox.accept_all(connection, undecided)]
    summaries: Summaries = {}
    ways = [(entry, way.foreseen(summaries) if isinstance(way, Draft) else way) for entry, way in entries]
    accepted = inbox.accept_all(connection, ways, seqs)
    drafts = (way for _, way in entries if isinstance(way, Draft))
    queue = _Queue(connection, secret, (planned for draft in drafts for planned in draft.plan.planned))
    results: list[Found] = []
    led_on: list[tuple[Draft, int, _Outcome]] = []
    for found, (_, way) in zip(accepted, entries, strict=True):
        if isinstance(way, Draft) and not found.duplicate and way.leads_on():
            outcome = _led_on(queue, way, found.seq)
            led_on.append((way, found.seq, outcome))
            results.append((found, outcome.stored))
        else:
            results.append((found, _NOTHING))
    queue.flush()
    for draft, seq, outcome in led_on:
        if outcome.differs(draft.plan):
            inbox.amend(connection, seq, outcome.summary(draft.rules, draft.plan))
    return results


def _led_on(queue: _Queue, draft: Draft, seq: int) -> _Outcome:
    """Write what follows from a draft, now that its entry has a number; some of it when the queue is."""
    outcome = _Outcome()
    for plan in draft.plan.planned:
        plan.delivery.entry_seq = seq
    _settle(queue, draft.plan, seq, outcome, draft.now, again=False)
    return outcome


_NOTHING: Stored = {}


class _Outcome(Struct):
    """What came of one entry: its deliveries, and what is said of the others."""

    stored: dict[str, Queued] = {}
    skipped: list[dict[str, str]] = []

    def differs(self, plan: Settle) -> bool:
        """Return whether not everything that was planned has come about."""
        return bool(self.skipped) or len(self.stored) != len(plan.planned)

    def summary(self, rules: Mapping[str, object], plan: Settle) -> dict[str, object]:
        return _complete({**rules, **plan.summary}, len(self.stored), self.skipped)


class _Queue:
    """Stores deliveries in the order in which they are wanted, as many as can be together.

    `planned` are those that may be wanted.
    """

    def __init__(self, connection: Connection, secret: bytes, planned: Iterable[Planned]) -> None:
        self.connection = connection
        self.secret = secret
        self._planned = planned
        self._listed: Collection[str] | None = None
        self._wanted: list[tuple[NewDelivery, Payload | None, Lease | None]] = []
        self._outcomes: list[_Outcome] = []

    def may_go_to_all(self, payload: Payload) -> bool:
        """Return whether none of a message's people is on the list of those who get none.

        The store is asked once about the people of all that may be wanted.
        """
        if self._listed is None:
            offered = (each.offer.payload for each in self._planned if each.offer is not None)
            self._listed = suppression.listed(self.connection, self.secret, offered)
        return not suppression.is_for_any(payload, self._listed)

    def add(self, outcome: _Outcome, plan: Planned) -> None:
        """Take in a delivery that nothing stands in the way of."""
        offer = plan.offer
        if offer is None:
            self._wanted.append((plan.delivery, plan.shown, None))
        else:
            self._wanted.append((plan.delivery, offer.payload, offer.lease))
        self._outcomes.append(outcome)

    def flush(self) -> None:
        """Store what waits."""
        wanted, outcomes = self._wanted, self._outcomes
        if not wanted:
            return
        self._wanted, self._outcomes = [], []
        queued = outbox.enqueue_all(self.connection, wanted)
        for outcome, (new, _, _), each in zip(outcomes, wanted, queued, strict=True):
            if each is not None:
                outcome.stored[new.id] = each


def _follow(queue: _Queue, verdict: Verdict, now: datetime) -> _Outcome:
    entry, outcome = verdict.entry, _Outcome()
    match verdict.plan:
        case Park(why=why):
            if not inbox.park(queue.connection, entry.seq, lease=verdict.lease, now=now, why=why):
                raise LeaseLost
            incidents.happened(queue.connection, Trouble.ENTRIES, entry.source, now=now, why=why)
        case Settle() as plan:
            _settle(queue, plan, entry.seq, outcome, now, again=entry.run > 1)
    return outcome


def _settle(queue: _Queue, plan: Settle, seq: int, outcome: _Outcome, now: datetime, *, again: bool) -> None:
    connection = queue.connection
    for sighting in plan.sightings:
        watches.see(connection, sighting, seq, now=now)
    planned = plan.planned
    if plan.tallies:
        planned, waiting = firing(connection, plan.tallies, planned, again=again)
        outcome.skipped += waiting
    for wanted in planned:
        each = _for_whom_it_may(queue, wanted)
        if each is wanted and each.is_plain:
            queue.add(outcome, each)
            continue
        queue.flush()  # what was wanted before is there before
        why = _forbidden(connection, each, now)
        if why is not None:
            outcome.skipped.append(why)
        else:
            _enqueue(connection, outcome, each, at_once=each is wanted)


def _for_whom_it_may(queue: _Queue, plan: Planned) -> Planned:
    """Return the plan, unless not all of its people may get the message; if some may, the loop sends it."""
    offer = plan.offer
    if offer is None or plan.delivery.rule == OWNER_RULE or not suppression.has_people(offer.payload):
        return plan
    if queue.may_go_to_all(offer.payload):
        return plan
    people = suppression.allowed(queue.connection, queue.secret, offer.payload)
    if not people.kept_from:
        return plan
    if people.to:
        return replace(plan, offer=replace(offer, payload=suppression.only_for(offer.payload, people.to)))
    return replace(plan, delivery=suppression.suppressed(plan.delivery, people.why), brake=None)


def _forbidden(connection: Connection, plan: Planned, now: datetime) -> dict[str, str] | None:
    """Return what is said of a delivery that must not be made, if something stands in its way."""
    delivery = plan.delivery
    said = {"rule": delivery.rule, "action": delivery.action}
    seen = watches.seen(connection, plan.watch, delivery.entry_seq) if plan.watch else None
    if seen is not None:
        return said | {"why": meanwhile(seen.kind, seen.entry)}
    if plan.use is not None and _is_over(connection, plan.use, delivery.id):
        return said | {"why": plan.use.why}
    holder = _reserve(connection, plan, now)
    if holder in (None, delivery.id):
        return None
    why = f"once_per: already sent or under way as delivery {holder}"
    return said | {"why": why, "holder": holder or ""}


def _enqueue(connection: Connection, outcome: _Outcome, plan: Planned, *, at_once: bool) -> None:
    offer, now = plan.offer, plan.delivery.created_at
    delivery, key = gather.join(connection, plan.delivery, plan.gathering)
    if plan.brake is not None and not halts.lets(connection, plan.brake, now=now):
        queued = outbox.enqueue(connection, as_kept(delivery))
    else:
        payload = offer.payload if offer else plan.shown
        lease = offer.lease if offer and at_once else None
        queued = outbox.enqueue(connection, delivery, payload=payload, lease=lease)
    if queued is None:
        return
    if not at_once:
        queued = replace(queued, to_claim=True)
    outcome.stored[delivery.id] = queued
    if delivery.state is State.SUPPRESSED:  # reserved and let go, so that a retry asks for it again
        memory.follow(connection, delivery.id, State.SUPPRESSED, now=now)
    if key is not None:
        collections.add(connection, queued.seq, key)
    if plan.watch is not None:
        watches.watch(connection, queued.seq, plan.watch, plan.delivery.entry_seq)
    if plan.use is not None:
        limits.count(connection, plan.use, plan.delivery.id, now=now)
    if plan.adds is not None:
        threads.count(connection, plan.adds, now=now)


def _is_over(connection: Connection, use: Use, delivery_id: str) -> bool:
    hold(connection, use.key)  # what is counted is not there yet
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
