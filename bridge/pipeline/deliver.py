"""One attempt at a due delivery: payload, channel, outcome, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from math import ceil

from bridge.channels.base import Channel, Prompt
from bridge.core.messages import Payload
from bridge.core.outcomes import Delivered, Outcome, Reason, Rejected, Retry
from bridge.core.rules import OWNER_RULE
from bridge.core.trouble import Trouble
from bridge.pipeline import gather, suppression, threads
from bridge.pipeline.admission import Admission, never_holds
from bridge.pipeline.compose import Actions, Unready, compose
from bridge.pipeline.flights import Flights, Leased
from bridge.pipeline.gate import Gate
from bridge.pipeline.node import Node, Point
from bridge.pipeline.preparing import Preparing
from bridge.pipeline.recording import Recording, Reports, Rest, attempt_of, raised
from bridge.pipeline.threads import Place
from bridge.pipeline.turns import Turns
from bridge.pipeline.unmade import instead_of
from bridge.pipeline.worker import Worker
from bridge.sources.base import Source
from bridge.store import incidents, outbox
from bridge.store.collections import Overtaken
from bridge.store.database import Connection
from bridge.store.deliveries import Due
from bridge.store.entries import Lease
from bridge.store.threads import UNKNOWN, Busy
from bridge.time_limit import TimeLimit

AHEAD = 4
"""How many deliveries are claimed for each that may be under way, so that the next one is at hand."""
AHEAD_ALONE = 32
"""How many are claimed at least where nobody else ever waits for the leases."""
LEASE_MARGIN = timedelta(seconds=30)
"""How much longer than the attempts' time limits a lease lasts, for composing before and recording after."""


class Deliverer:
    """Delivers through one channel."""

    def __init__(
        self,
        node: Node,
        channel: Channel,
        actions: Actions,
        sources: Mapping[str, Source],
        gate: Gate,
        reports: Reports,
        wake: Callable[[], None],
    ) -> None:
        """`wake` is called when a delivery that waited for this one's end may be due."""
        self.channel = channel
        self._admission = Admission(node, actions, sources, gate, wake)
        self._preparing = Preparing(node, channel, actions, sources, self._admission)
        self._recording = Recording(node, channel.policy.retry, actions, sources, reports, wake)
        self._node = node
        self._actions = actions
        self._sources = sources
        self._gate = gate
        self._reports = reports
        policy = channel.policy
        ahead = max(AHEAD, ceil(AHEAD_ALONE / policy.concurrency) if node.alone else 0)
        self.hands = policy.concurrency if policy.rate else ahead * policy.concurrency
        """How many deliveries may be claimed at once; only so many as the channel wants are under way.

        With a rate, what is claimed counts as sent, so nothing is claimed ahead.
        """
        self.least = 1 if policy.rate else self.hands // 2
        """How many are claimed at least while others are at work: the other half is enough to go on with."""
        self.lease_for = ahead * policy.timeout + LEASE_MARGIN
        """How long a claimed delivery stays ours."""
        self._turns = Turns(policy.concurrency)
        self._limit = TimeLimit(policy.timeout.total_seconds())
        self._retired = False
        self._flights: Flights | None = None

    def take_up_for(self, worker: Worker[Leased]) -> Callable[[Leased], bool] | None:
        """Return what takes up claimed deliveries of `worker` without a task, if the channel can do that."""
        if not isinstance(self.channel, Prompt):
            return None
        self._flights = Flights(
            self._node,
            self.channel,
            worker,
            free=frozenset(self._free()),
            gate=self._gate,
            turns=self._turns,
            recording=self._recording,
            by_task=self._by_task,
        )
        return self._flights.begin

    def wait_for(self, lane: bytes | None) -> None:
        """Note that a delivery waits for another one of its lane; too many are found by the next poll."""
        self._recording.wait_for(lane)

    def retire(self) -> None:
        """Send nothing more; what is under way goes on."""
        self._retired = True
        if self._flights is not None:
            self._flights.retired = True

    def abandon(self) -> None:
        """Forget what is under way still: its leases are given back."""
        if self._flights is not None:
            self._flights.abandoned = True

    async def prepared(self, claimed: Sequence[Due], lease: Lease, pauses: int) -> Sequence[Due]:
        """Return claimed deliveries, most of them with their message; none if the channel has paused since.

        `pauses` is the gate's number before they were claimed.
        """
        found = await self._preparing.prepared(claimed, lease)
        if self._gate.pauses == pauses:
            return found
        for due in found:
            await self._give_back(due, lease.name)
        return ()

    def deliver_all(self, leased: Sequence[Leased]) -> Rest:
        """Take claimed deliveries, each under its lease, one attempt further; an error of ours parks one.

        What the channel does from now on counts for them, and not only from when they are taken up.
        """
        return self._deliver_all(leased, self._gate.pauses)

    async def _deliver_all(self, leased: Sequence[Leased], pauses: int) -> None:
        for due, lease in leased:
            await self._done(due, lease, self._deliver(due, lease, pauses))

    def _free(self) -> Iterator[tuple[str, str]]:
        """Yield the actions whose messages stand by themselves, and that let them go at any time."""
        for key, action in self._actions.items():
            if action.channel == self.channel.name and action.thread is None and never_holds(action):
                yield key

    def _by_task(self, item: Leased, payload: Payload, pauses: int) -> Rest:
        due, lease = item
        return self._done(due, lease, self._attempt_now(due, lease, payload, pauses, None))

    async def _done(self, due: Due, lease: str, work: Rest) -> None:
        try:
            await work
        except Exception as error:  # recorded with its traceback; the loop lives on
            self._node.log.exception("delivery parked after an unexpected error", delivery=due.id)
            why = f"unexpected {type(error).__name__} while delivering; see the log"
            await self._park(due, lease, why)

    async def _deliver(self, due: Due, lease: str, pauses: int) -> None:
        self._node.reached(Point.CLAIMED)
        if not self._admission.is_free(due) and await self._admission.is_held(due, lease):
            return
        action = self._actions.get((due.rule, due.action))
        place = threads.place_of(action, due)
        if place is not None and await self._is_outdone(due, lease, place):
            return
        if due.payload is None and due.held_until is not None:
            joint = await self._joint(due, lease)
            if joint is None:
                return
            due = joint
        made = due if due.payload else await self._made(due, lease, place)
        if made is None or made.payload is None:
            return
        if action is not None and action.shadow and action.digest is not None:
            await self._admission.withhold(due, lease)
        else:
            await self._attempt(made, lease, made.payload, pauses, place)

    async def _joint(self, due: Due, lease: str) -> Due | None:
        """Return a delivery with all that goes out with it; None if it is not to be sent now."""
        action = self._actions.get((due.rule, due.action))
        found = await gather.closed(self._node, due, lease, action)
        self._node.reached(Point.GATHERED)
        if isinstance(found, Overtaken):
            await self._admission.is_withdrawn(due, lease, action, self._node.clock.now())
        return found if isinstance(found, Due) else None

    async def _is_outdone(self, due: Due, lease: str, place: Place) -> bool:
        """Return whether a newer text takes the place of this one, which then counts as delivered by it."""
        if not await threads.is_outdone(self._node, place, due):
            return False
        outcome, now = Delivered(answer=threads.OUTDONE), self._node.clock.now()
        await self._recording.record(
            due, lease, attempt_of(due, now, 0.0, outcome), outcome, self._gate.returning(now)
        )
        return True

    async def _made(self, due: Due, lease: str, place: Place | None) -> Due | None:
        """Return the delivery with its payload, made and stored, or park it and return None."""
        composed = await self._composed(due, place)
        if isinstance(composed, Unready):
            if composed.mendable:
                await self._park(due, lease, composed.why, by_template=composed.by_template)
            else:
                await self._bury(due, lease, composed.why)
            return None
        return await self._admission.stored(due, lease, composed)

    async def _composed(self, due: Due, place: Place | None) -> Payload | Unready:
        action = self._actions.get((due.rule, due.action))
        if action is None:
            return Unready(f"rule '{due.rule}' no longer has the action '{due.action}'; restore it and retry")
        facts = await gather.facts_of(self._node, self._sources, due)
        if isinstance(facts, Unready):
            return facts
        make = partial(
            compose,
            action=action,
            channel=self.channel,
            facts=facts,
            delivery_id=due.id,
            at=self._node.clock.now(),
            house=self._node.house,
            counts=await threads.counts(self._node, place, due) if place and place.edited else None,
        )
        is_long = action.laborious or due.head is not None
        return await self._node.making.apart(make) if is_long else make()

    async def _attempt(
        self, due: Due, lease: str, payload: Payload, pauses: int, place: Place | None
    ) -> None:
        """Send when it is its turn."""
        if not self._turns.take():
            await self._turns.wait()
        await self._attempt_now(due, lease, payload, pauses, place)

    async def _attempt_now(
        self, due: Due, lease: str, payload: Payload, pauses: int, place: Place | None
    ) -> None:
        """Send, and end the turn.

        Nothing is sent if the channel has paused since it was claimed, or under a lease that is over: while
        the process stood still, somebody else may have sent it.
        """
        try:
            if self._retired:  # the owner gives the lease back
                return
            if self._gate.pauses != pauses or self._node.clock.now() >= due.leased_until:
                await self._give_back(due, lease)
                return
            if not self._admission.is_free(due) and await self._admission.is_held(due, lease):
                return
            permitted = payload
            if suppression.has_people(payload):
                allowed = await self._admission.permitted(due, lease, payload)
                if allowed is None:
                    return
                permitted = allowed
            standing = await threads.taken(self._node, place, due) if place else UNKNOWN
            if isinstance(standing, Busy):
                now = self._node.clock.now()
                await self._admission.hold(due, lease, None, now, now + threads.LOOK_AGAIN, threads.BUSY)
                return
            started_at, began = self._node.clock.now(), self._node.clock.monotonic()
            outcome = await self._send(due, threads.continuing(permitted, standing))
            follow = self._gate.following(outcome, self._node.clock.now())
            if place is not None:
                ended = self._node.clock.now()
                follow = threads.following(place, due, standing, outcome, ended, follow)
        finally:
            self._turns.end()
        took = self._node.clock.monotonic() - began
        self._node.reached(Point.SENT)
        await self._recording.record(due, lease, attempt_of(due, started_at, took, outcome), outcome, follow)

    async def _send(self, due: Due, payload: Payload) -> Outcome:
        """Try once within the time limit; whatever goes wrong is an outcome."""
        try:
            with self._limit:
                return await self.channel.send(payload, due.id)
        except TimeoutError:
            return Retry(Reason.TIMEOUT, answer="no answer within the channel's time limit")
        except Exception as error:  # recorded with its traceback; an outcome all the same
            self._node.log.exception("channel raised", channel=self.channel.name, delivery=due.id)
            return raised(error)

    async def _give_back(self, due: Due, lease: str) -> None:
        await self._admission.end(due, lambda c: outbox.give_back(c, due.seq, lease=lease))

    async def _park(self, due: Due, lease: str, why: str, *, by_template: bool = False) -> None:
        now, action = self._node.clock.now(), self._actions.get((due.rule, due.action))
        instead = instead_of(due, action, self.channel, why, now) if by_template else None
        self._node.log.warning(
            "delivery parked", delivery=due.id, rule=due.rule, channel=due.channel, why=why
        )

        def park(connection: Connection) -> bool:
            parked = outbox.park(connection, due.seq, lease=lease, now=now, why=why)
            if parked and due.rule != OWNER_RULE:
                incidents.happened(connection, Trouble.PARKED, due.rule, now=now, why=why)
            if parked and instead is not None:
                outbox.enqueue(connection, instead.delivery, payload=instead.payload)
            return parked

        await self._admission.end(due, park)
        self._reports.trouble()

    async def _bury(self, due: Due, lease: str, why: str) -> None:
        outcome, now = Rejected(Reason.INVALID, answer=why), self._node.clock.now()
        attempt = attempt_of(due, now, 0.0, outcome)
        await self._recording.record(due, lease, attempt, outcome, self._gate.returning(now))
