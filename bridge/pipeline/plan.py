"""From an inbox entry to what shall become of it: its events, the rules' plan, the deliveries they want.

Decides only; `bridge.pipeline.dispatch` writes it down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.claims import Lacking, claim_of
from bridge.core.digests import Gathering
from bridge.core.events import Event, Facts
from bridge.core.halts import Brake
from bridge.core.identity import delivery_id, lane_of
from bridge.core.limits import Uncounted, use_of
from bridge.core.outcomes import State
from bridge.core.routing import NOTHING_WANTED, Plan, Router, Wanted
from bridge.core.rules import SHADOW, Action, Rule
from bridge.core.tallies import Tally, Uncountable, tally_of
from bridge.core.threads import addition_of, lane_for
from bridge.core.timing import From, Never, Unsorted, first_due, gathering_of
from bridge.core.unless import Lookout, Sighting, Unwatchable, watch_of
from bridge.pipeline.node import Node
from bridge.pipeline.outlet import Outlet
from bridge.pipeline.planned import Planned
from bridge.sources.base import Malformed, Request, Source
from bridge.store.deliveries import NewDelivery
from bridge.store.entries import Entry, EntryFacts

TRIES_LIMIT = 5
"""How often an entry is taken up before it is held to be what ends the process."""
POISON = (
    f"taken up {TRIES_LIMIT} times without finishing: the bridge ended each time, or took longer than a "
    "lease; look at the log, then replay"
)
WITHHELD = "the platform's own test event; set deliver_tests: true to send it"


class Skipped(Struct, frozen=True):
    """A wanted action that leads to no delivery, and why."""

    rule: str
    action: str
    why: str


class Park(Struct, frozen=True):
    """The entry waits for a person."""

    why: str


class Settle(Struct, frozen=True):
    """The entry is done: what was found and decided, the deliveries that follow, and what it withdraws.

    `tallies` are the counts that decide first which rules lead to deliveries at all. `unshown` says that
    messages which are only shown are still `to_show`.
    """

    facts: EntryFacts
    summary: Mapping[str, object]
    planned: Sequence[Planned] = ()
    sightings: Sequence[Sighting] = ()
    tallies: Sequence[Tally] = ()
    unshown: bool = False


class Planner:
    """Knows the sources, the rules, and the channels at work, which may offer to send at once."""

    def __init__(
        self,
        node: Node,
        sources: Mapping[str, Source],
        router: Router,
        outlets: Mapping[str, Outlet],
        *,
        deliver_tests: bool = False,
    ) -> None:
        self._node = node
        self._sources = sources
        self._router = router
        self._secret = node.database.secret
        self._lookout = Lookout(router.rules)
        self._watches = self._lookout.watches
        self._counting = {rule.name: rule for rule in router.rules if rule.after is not None}
        self._outlets = outlets
        self._deliver_tests = deliver_tests

    def read(self, entry: Entry) -> Park | Settle | tuple[Event, ...]:
        """Return the entry's events, or what becomes of it without any rule."""
        if entry.tries > TRIES_LIMIT:
            return Park(POISON)
        source = self._sources.get(entry.source)
        if source is None:
            return Park(f"source '{entry.source}' is no longer in the configuration; add it and replay")
        parsed = source.parse(Request(entry.headers, entry.body, entry.received_at, entry.content))
        if isinstance(parsed, tuple):
            return parsed
        return (
            Park(parsed.why) if isinstance(parsed, Malformed) else Settle(EntryFacts(), {"note": parsed.why})
        )

    def plan(self, entry: Entry, events: Sequence[Event], now: datetime) -> Settle:
        """Decide; an offer among the planned obliges to call the outlet's `go_on`, or `let_go`."""
        planned: list[Planned] = []
        try:
            return self._settle(entry, events, now, planned)
        except BaseException:
            self.let_go(planned)
            raise

    def let_go(self, planned: Sequence[Planned]) -> None:
        """Give back the hands that wait for deliveries that are not stored."""
        for each in planned:
            if each.offer is not None:
                self._outlets[each.delivery.channel].worker.let_go()

    def _settle(self, entry: Entry, events: Sequence[Event], now: datetime, planned: list[Planned]) -> Settle:
        skipped: list[Skipped] = []
        plans: list[Plan] = []
        sightings: list[Sighting] = []
        tallies: list[Tally] = []
        paused = self._node.halts.names
        unshown = False
        for index, event in enumerate(events):
            named = self._router.named(event)
            if not (named or self._watches):  # as of most events of a platform that sends all it has
                plans.append(NOTHING_WANTED)
                continue
            facts = event.facts()
            plan = self._router.plan_among(named, facts)
            plans.append(plan)
            if self._watches and not self._is_withheld(event):
                sightings += self._lookout.sightings(self._secret, event, facts, entry.received_at)
            uncountable = self._count(entry, index, event, facts, plan, tallies) if self._counting else {}
            for wanted in plan.wanted:
                if wanted.plain and not event.test and wanted.rule.name not in paused:
                    planned.append(self._deliver_plain(entry, index, event, facts, wanted.action, now))
                elif wanted.rule.name in uncountable:
                    skipped.append(_uncounted(wanted, uncountable[wanted.rule.name]))
                else:
                    found = self._deliver(entry, index, event, facts, wanted, now)
                    if isinstance(found, Planned):
                        planned.append(found)
                        unshown = unshown or found.to_show is not None
                    else:
                        skipped.append(found)
        return Settle(_facts(events), _summary(plans, skipped), planned, sightings, tallies, unshown)

    def _count(
        self, entry: Entry, index: int, event: Event, facts: Facts, plan: Plan, tallies: list[Tally]
    ) -> dict[str, Uncountable]:
        """Add what the event counts to; returns the rules that cannot count it."""
        uncountable: dict[str, Uncountable] = {}
        for rule in () if self._is_withheld(event) else filter(self._counting.__contains__, plan.matched):
            match tally_of(
                self._secret,
                self._counting[rule],
                event,
                facts,
                entry.received_at,
                entry.seq,
                index,
            ):
                case Tally() as tally:
                    tallies.append(tally)
                case Uncountable() as why:
                    uncountable[rule] = why
                case None:
                    pass
        return uncountable

    def _is_withheld(self, event: Event) -> bool:
        return event.test and not self._deliver_tests

    def _deliver_plain(
        self, entry: Entry, index: int, event: Event, facts: Facts, action: Action, now: datetime
    ) -> Planned:
        """Plan the delivery of a plain action, whose rule is not paused, about a real event.

        What `_deliver` would come to, of which nothing has to be asked.
        """
        delivery = NewDelivery(
            id=delivery_id(entry.key, entry.received_at, index, action.rule, action.name, entry.run),
            entry_seq=entry.seq,
            event_index=index,
            run=entry.run,
            rule=action.rule,
            action=action.name,
            channel=action.channel,
            lane=lane_of(self._secret, action.channel, event),
            created_at=now,
            due_at=now,
        )
        outlet = self._outlets.get(action.channel)
        return Planned(
            delivery, offer=None if outlet is None else outlet.offer_plain(delivery, action, facts)
        )

    def _deliver(
        self, entry: Entry, index: int, event: Event, facts: Facts, wanted: Wanted, now: datetime
    ) -> Planned | Skipped:
        action, secret = wanted.action, self._secret
        claim = claim_of(secret, action, facts)
        if isinstance(claim, Lacking):
            return Skipped(action.rule, action.name, claim.why)
        watch = watch_of(secret, action, event, facts, entry.received_at)
        if isinstance(watch, Unwatchable):
            return Skipped(action.rule, action.name, watch.why)
        withheld = self._is_withheld(event)
        lane = lane_for(secret, action, event, facts)
        shown = withheld or (action.shadow and action.digest is None)
        waits = self._waits(action, event, facts, None if shown else lane, now)
        if isinstance(waits, str):
            return Skipped(action.rule, action.name, waits)
        due, gathering = waits
        use = use_of(secret, action, facts, due.at)
        if isinstance(use, Uncounted):
            return Skipped(action.rule, action.name, use.why)
        delivery = NewDelivery(
            id=delivery_id(entry.key, entry.received_at, index, action.rule, action.name, entry.run),
            entry_seq=entry.seq,
            event_index=index,
            run=entry.run,
            rule=action.rule,
            action=action.name,
            channel=action.channel,
            lane=lane if gathering is None else gathering.lane or lane,
            created_at=now,
            due_at=due.at,
            expires_at=event.occurred_at + action.expires if action.expires else None,
            state=State.WITHHELD if shown else State.PENDING,
            why=WITHHELD if withheld else _why(action, due.why),
            held_until=due.at if due.why else None,
        )
        if withheld:
            return Planned(delivery)
        outlet = self._outlets.get(action.channel)
        brake = self._brake(wanted.rule)
        if outlet is None:
            keeps = None if action.shadow else brake
            return Planned(delivery, claim, watch, use, gathering=gathering, brake=keeps)
        if shown:
            return _shown(outlet, Planned(delivery, claim, watch, use), action, facts)
        about = (entry.key, index)
        adds = addition_of(secret, action, delivery.lane, about, facts) if action.thread else None
        # With `after` most events only count, and what a paused rule makes is kept.
        idle = wanted.rule.after is not None or action.rule in self._node.halts.names
        offer = None if idle else outlet.offer(delivery, action, facts)
        return Planned(delivery, claim, watch, use, offer=offer, adds=adds, gathering=gathering, brake=brake)

    def _brake(self, rule: Rule) -> Brake | None:
        """Return what the store must be asked before a rule's delivery is made; None for nothing."""
        if rule.pause_above is None and rule.name not in self._node.halts.names:
            return None
        return Brake(rule.name, rule.pause_above)

    def _waits(
        self, action: Action, event: Event, facts: Facts, lane: bytes | None, now: datetime
    ) -> tuple[From, Gathering | None] | str:
        """Return when a message is due, and with what it waits until then; or why it is not made."""
        zone = self._node.catalogue.zone_of(event) if action.quiet_hours or action.digest else None
        due = first_due(action, event.occurred_at, now, zone)
        if isinstance(due, Never):
            return due.why
        if not due.joint:
            return due, None
        gathering = gathering_of(self._secret, action, facts, lane, due, zone)
        return gathering.why if isinstance(gathering, Unsorted) else (due, gathering)


def _shown(outlet: Outlet, planned: Planned, action: Action, facts: Facts) -> Planned:
    """Return a delivery that is only shown with its message, or with what makes it."""
    if action.laborious:
        return replace(planned, to_show=partial(outlet.shown_apart, planned.delivery, action, facts))
    return replace(planned, shown=outlet.shown(planned.delivery, action, facts))


def _uncounted(wanted: Wanted, why: Uncountable) -> Skipped:
    return Skipped(wanted.rule.name, wanted.action.name, why.why)


def _why(action: Action, held: str | None) -> str | None:
    if not action.shadow:
        return held
    return f"{SHADOW}; {held}" if held else SHADOW


def _facts(events: Sequence[Event]) -> EntryFacts:
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


def _summary(plans: Sequence[Plan], skipped: Sequence[Skipped]) -> Mapping[str, object]:
    if not skipped and len(plans) == 1 and not plans[0].failed:  # nearly always
        return _matched(plans[0].matched)
    summary: dict[str, object] = {"matched": [rule for plan in plans for rule in plan.matched]}
    if skipped:
        summary["skipped"] = [{"rule": s.rule, "action": s.action, "why": s.why} for s in skipped]
    failed = [failure for plan in plans for failure in plan.failed]
    if failed:
        summary["failed"] = [{"rule": f.rule, "action": f.action or "", "why": f.why} for f in failed]
    return summary


@lru_cache(maxsize=1000)
def _matched(rules: tuple[str, ...]) -> Mapping[str, object]:
    """Return the summary of an event that these rules match, the same for all such events."""
    return {"matched": list(rules)}
