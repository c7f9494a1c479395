"""One attempt at a due delivery: payload, channel, outcome, and what follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Literal, assert_never

from bridge.channels.base import Channel
from bridge.core.backoff import next_attempt
from bridge.core.messages import Payload
from bridge.core.outcomes import ANSWER_LIMIT, Delivered, Outcome, Reason, Rejected, Retry, State
from bridge.core.rules import OWNER_RULE, SHADOW, Action
from bridge.core.timing import From, Never, in_zone, still_held
from bridge.core.trouble import Trouble
from bridge.core.unless import meanwhile
from bridge.pipeline import gather, otherwise, suppression, threads
from bridge.pipeline.compose import Actions, Unready, compose, event_of
from bridge.pipeline.gate import Following, Gate
from bridge.pipeline.node import Node, Point
from bridge.pipeline.patience import until_read, until_written
from bridge.pipeline.results import Results
from bridge.pipeline.threads import Place
from bridge.pipeline.time_limit import TimeLimit
from bridge.pipeline.unmade import instead_of
from bridge.sources.base import Source
from bridge.store import collections, halts, incidents, outbox, watches
from bridge.store.collections import Overtaken
from bridge.store.database import Connection, StoreUnavailable
from bridge.store.deliveries import Attempt, Due, NewDelivery, Recorded
from bridge.store.threads import UNKNOWN, Busy

AHEAD = 4
"""How many deliveries are claimed for each that may be under way, so that the next one is at hand."""
AHEAD_ALONE = 32
"""How many are claimed at least where nobody else ever waits for the leases."""
FRESH_FOR = timedelta(seconds=5)
"""How long after a message was stored nobody is asked again whether its people may get it."""
LANES_NOTED = 10_000
LEASE_MARGIN = timedelta(seconds=30)
"""How much longer than the attempts' time limits a lease lasts, for composing before and recording after."""


@dataclass(frozen=True, slots=True)
class Reports:
    """Who hears what came of deliveries: of work for another channel, by its name, and of trouble."""

    work: Callable[[str], None]
    trouble: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Result:
    """Where an attempt leaves its delivery, and which addresses it found not to exist."""

    state: Literal[State.PENDING, State.DELIVERED, State.DEAD]
    due_at: datetime | None = None
    reference: str | None = None
    bounced: tuple[str, ...] = ()


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
        self._wake = wake
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
        self.lease_for = ahead * policy.timeout + LEASE_MARGIN
        """How long a claimed delivery stays ours."""
        self._turns = asyncio.Semaphore(policy.concurrency)
        self._results = Results(node)
        self._limit = TimeLimit(policy.timeout.total_seconds())
        self._lanes: set[bytes] = set()
        self._retired = False

    def wait_for(self, lane: bytes | None) -> None:
        """Note that a delivery waits for another one of its lane; too many are found by the next poll."""
        if len(self._lanes) >= LANES_NOTED:
            self._lanes.clear()
        if lane is not None:
            self._lanes.add(lane)

    def retire(self) -> None:
        """Send nothing more; what is under way goes on."""
        self._retired = True

    async def deliver(self, due: Due, lease: str) -> None:
        """Take one claimed delivery one attempt further; an error of ours parks it."""
        try:
            await self._deliver(due, lease)
        except Exception as error:  # recorded with its traceback; the loop lives on
            self._node.log.exception("delivery parked after an unexpected error", delivery=due.id)
            why = f"unexpected {type(error).__name__} while delivering; see the log"
            await self._park(due, lease, why)

    async def _deliver(self, due: Due, lease: str) -> None:
        self._node.reached(Point.CLAIMED)
        pauses = self._gate.pauses
        if not self._is_free(due) and await self._is_held(due, lease):
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
        payload = due.payload or await self._compose(due, lease, place)
        if payload is None:
            return
        if action is not None and action.shadow and action.digest is not None:
            await self._withhold(due, lease)
        else:
            await self._attempt(due, lease, payload, pauses, place)

    async def _withhold(self, due: Due, lease: str) -> None:
        """Show what was collected in shadow mode, and send nothing."""
        now = self._node.clock.now()
        await self._unsent(due, lambda c: outbox.withhold(c, due.seq, lease=lease, now=now, why=SHADOW))
        self._node.log.info("delivery withheld", delivery=due.id, rule=due.rule, channel=due.channel)

    async def _joint(self, due: Due, lease: str) -> Due | None:
        """Return a delivery with all that goes out with it; None if it is not to be sent now."""
        action = self._actions.get((due.rule, due.action))
        found = await gather.closed(self._node, due, lease, action)
        self._node.reached(Point.GATHERED)
        if isinstance(found, Overtaken):
            await self._is_withdrawn(due, lease, action, self._node.clock.now())
        return found if isinstance(found, Due) else None

    def _action_of(self, due: Due) -> Action | None:
        """Return the action of a delivery, with the hours of its course."""
        action = self._actions.get((due.rule, due.action))
        if action is None or action.quiet_hours is None or not self._node.catalogue.has_zones:
            return action
        event = event_of(due.entry, due.event_index, self._sources)
        zone = None if isinstance(event, Unready) else self._node.catalogue.zone_of(event)
        return in_zone(action, zone) if zone is not None else action

    def _is_free(self, due: Due) -> bool:
        """Return whether nothing can hold it: most have neither an expiry nor anything to wait for."""
        if due.expires_at is not None or due.rule in self._node.halts:
            return False
        action = self._actions.get((due.rule, due.action))
        return action is None or (action.quiet_hours is None and action.unless is None)

    async def _is_held(self, due: Due, lease: str) -> bool:
        """Return whether this is not the time to send it; then it waits for its time, or has expired.

        What a person retries goes out at any hour.
        """
        now, action = self._node.clock.now(), self._action_of(due)
        if due.rule in self._node.halts and await self._is_kept(due, lease, now):
            return True
        quiet = action.quiet_hours if action and due.trigger != "person" else None
        match still_held(quiet, due.expires_at, now):
            case From(why=None):
                return await self._is_withdrawn(due, lease, action, now)
            case From(at=until, why=str(why)):
                await self._hold(due, lease, action, now, until, why)
            case Never(why=why):
                await self._expire(due, lease, now, why)
        return True

    async def _is_kept(self, due: Due, lease: str, now: datetime) -> bool:
        """Return whether its rule has been paused; then it waits for a person, unless one asked for it."""
        if due.trigger == "person":
            return False
        kept = await self._unsent(due, lambda c: halts.keep(c, due.rule, due.seq, lease=lease, now=now))
        if kept:
            self._node.log.info("delivery kept", delivery=due.id, rule=due.rule, channel=due.channel)
        return kept

    async def _is_withdrawn(self, due: Due, lease: str, action: Action | None, now: datetime) -> bool:
        """Return whether what its `unless:` names has happened while it was under way before."""
        if action is None or action.unless is None or due.trigger == "person":
            return False
        waiting = "delivery waits, the store cannot be read"
        seen = await until_read(self._node, lambda c: watches.seen_by(c, due.seq), waiting, delivery=due.id)
        if seen is None:
            return False
        why = meanwhile(seen.kind, seen.entry)
        await self._unsent(
            due, lambda c: watches.withdraw(c, due.seq, lease=lease, id_=due.id, now=now, why=why)
        )
        self._node.log.info("delivery withdrawn", delivery=due.id, rule=due.rule, channel=due.channel)
        return True

    async def _is_outdone(self, due: Due, lease: str, place: Place) -> bool:
        """Return whether a newer text takes the place of this one, which then counts as delivered by it."""
        if not await threads.is_outdone(self._node, place, due):
            return False
        outcome, now = Delivered(answer=threads.OUTDONE), self._node.clock.now()
        await self._record(
            due, lease, _attempt_of(due, now, 0.0, outcome), outcome, self._gate.returning(now)
        )
        return True

    async def _permitted(self, due: Due, lease: str, payload: Payload) -> Payload | None:
        """Return what its people may get of a message; None if that is nothing, and it has ended.

        What was stored a moment ago was asked about then.
        """
        if due.rule == OWNER_RULE or not suppression.has_people(payload):
            return payload
        now = self._node.clock.now()
        if due.fresh and now < due.due_at + FRESH_FOR:
            return payload
        waiting, secret = "delivery waits, the store cannot be read", self._node.database.secret
        people = await until_read(
            self._node, lambda c: suppression.allowed(c, secret, payload), waiting, delivery=due.id
        )
        if people.to:
            return suppression.only_for(payload, people.to) if people.kept_from else payload

        def suppress(connection: Connection) -> bool:
            ended = outbox.suppress(connection, due.seq, lease=lease, now=now, why=people.why)
            if ended and due.held_until is not None:
                collections.follow(connection, due.seq, State.SUPPRESSED, now=now)
            return ended

        await self._unsent(due, suppress)
        self._node.log.info("delivery suppressed", delivery=due.id, rule=due.rule, channel=due.channel)
        return None

    async def _hold(
        self, due: Due, lease: str, action: Action | None, now: datetime, until: datetime, why: str
    ) -> None:
        def hold(connection: Connection) -> bool:
            held = outbox.hold(connection, due.seq, lease=lease, now=now, until=until, why=why)
            if held:
                gather.regroup(connection, self._node.database.secret, due, action, until)
            return held

        await self._unsent(due, hold)
        self._node.log.info("delivery held", delivery=due.id, rule=due.rule, channel=due.channel, why=why)

    async def _expire(self, due: Due, lease: str, now: datetime, why: str) -> None:
        def expire(connection: Connection) -> bool:
            expired = outbox.expire(connection, due.seq, lease=lease, now=now, why=why)
            if expired and due.held_until is not None:
                collections.follow(connection, due.seq, State.EXPIRED, now=now)
            return expired

        await self._unsent(due, expire)
        self._node.log.info("delivery expired", delivery=due.id, rule=due.rule, channel=due.channel)

    async def _compose(self, due: Due, lease: str, place: Place | None) -> Payload | None:
        """Make the payload and store it, or park the delivery and return None."""
        composed = await self._composed(due, place)
        if isinstance(composed, Unready):
            if composed.mendable:
                await self._park(due, lease, composed.why, by_template=composed.by_template)
            else:
                await self._bury(due, lease, composed.why)
            return None
        ours = await self._written(
            due, lambda c: outbox.store_payload(c, due.seq, lease=lease, payload=composed)
        )
        return composed if ours else None

    async def _composed(self, due: Due, place: Place | None) -> Payload | Unready:
        action = self._actions.get((due.rule, due.action))
        if action is None:
            return Unready(f"rule '{due.rule}' no longer has the action '{due.action}'; restore it and retry")
        facts = await gather.facts_of(self._node, self._sources, due)
        if isinstance(facts, Unready):
            return facts
        return compose(
            action=action,
            channel=self.channel,
            facts=facts,
            delivery_id=due.id,
            at=self._node.clock.now(),
            house=self._node.house,
            counts=await threads.counts(self._node, place, due) if place and place.edited else None,
        )

    async def _attempt(
        self, due: Due, lease: str, payload: Payload, pauses: int, place: Place | None
    ) -> None:
        """Send when it is its turn; not if the channel has paused since it was claimed."""
        async with self._turns:
            if self._retired:  # the owner gives the lease back
                return
            if self._gate.pauses != pauses:
                await self._unsent(due, lambda c: outbox.give_back(c, due.seq, lease=lease))
                return
            if not self._is_free(due) and await self._is_held(due, lease):
                return
            permitted = payload
            if suppression.has_people(payload):
                allowed = await self._permitted(due, lease, payload)
                if allowed is None:
                    return
                permitted = allowed
            standing = await threads.taken(self._node, place, due) if place else UNKNOWN
            if isinstance(standing, Busy):
                now = self._node.clock.now()
                await self._hold(due, lease, None, now, now + threads.LOOK_AGAIN, threads.BUSY)
                return
            started_at, began = self._node.clock.now(), self._node.clock.monotonic()
            outcome = await self._send(threads.continuing(permitted, standing), due.id)
            follow = self._gate.following(outcome, self._node.clock.now())
            if place is not None:
                ended = self._node.clock.now()
                follow = threads.following(place, due, standing, outcome, ended, follow)
        took = self._node.clock.monotonic() - began
        self._node.reached(Point.SENT)
        await self._record(due, lease, _attempt_of(due, started_at, took, outcome), outcome, follow)

    async def _send(self, payload: Payload, delivery_id: str) -> Outcome:
        """Try once within the time limit; whatever goes wrong is an outcome."""
        try:
            with self._limit:
                return await self.channel.send(payload, delivery_id)
        except TimeoutError:
            return Retry(Reason.TIMEOUT, answer="no answer within the channel's time limit")
        except Exception as error:  # recorded with its traceback; an outcome all the same
            self._node.log.exception("channel raised", channel=self.channel.name, delivery=delivery_id)
            answer = f"unexpected {type(error).__name__} in the channel; see the log"
            return Retry(Reason.CLIENT, answer=answer)

    async def _record(
        self, due: Due, lease: str, attempt: Attempt, outcome: Outcome, follow: Following | None
    ) -> None:
        """Store the attempt, however long the store is away: what was sent cannot be sent anew.

        `follow` is what the gate does in the same transaction.
        """
        result = self._follow(due, attempt, outcome)
        self._node.reached(Point.RECORDING)
        alone = follow is not None or due.held_until is not None or result.bounced
        plain = result.state is State.DELIVERED and not alone
        if not (plain and await self._is_recorded(due, lease, attempt, result)):
            await self._write_attempt(due, lease, attempt, result, follow)
        self._node.log.info(
            "attempt finished",
            delivery=due.id,
            rule=due.rule,
            channel=due.channel,
            attempt=attempt.number,
            outcome=attempt.outcome,
            reason=attempt.reason and str(attempt.reason),
            status=attempt.status,
            state=str(result.state),
            duration_ms=attempt.duration_ms,
        )

    async def _is_recorded(self, due: Due, lease: str, attempt: Attempt, result: Result) -> bool:
        """Record a success with those of the same moment; return False if that has to be done alone."""
        try:
            lane_waits = await self._results.record(due, lease, attempt, result.reference)
        except Exception:  # noqa: BLE001 - told, if it is so again, by whoever writes it alone
            return False
        if lane_waits or due.lane in self._lanes:
            self._lanes.discard(due.lane or b"")
            self._wake()
        return True

    async def _write_attempt(
        self, due: Due, lease: str, attempt: Attempt, result: Result, follow: Following | None
    ) -> None:
        now = self._node.clock.now()
        dead, secret = result.state is State.DEAD, self._node.database.secret
        instead: list[NewDelivery] = []

        def record(connection: Connection) -> Recorded | None:
            recorded = outbox.record(
                connection,
                due.seq,
                lease=lease,
                attempt=attempt,
                state=result.state,
                due_at=result.due_at,
                reference=result.reference,
            )
            if recorded is not None and follow is not None:
                follow(connection)
            if recorded is not None and due.held_until is not None and result.state is State.DELIVERED:
                collections.follow(connection, due.seq, result.state, now=now)
            if recorded is not None and result.bounced:
                suppression.note_bounces(connection, secret, due, attempt, result.bounced)
            if recorded is not None and dead:
                otherwise.follow_death(connection, due, attempt, instead, now)
            return recorded

        try:
            if dead:
                instead += await otherwise.planned(self._node, self._actions, self._sources, due, now)
            waiting = "result waits, the store cannot be written"
            recorded = await until_written(self._node, record, waiting, delivery=due.id)
        except asyncio.CancelledError:
            await self._write_last(due, record)
            raise
        if recorded is None:
            self._node.log.warning("result not recorded, the lease was lost", delivery=due.id)
        else:
            self._tell(recorded, result, instead, follow)

    def _tell(
        self, recorded: Recorded, result: Result, instead: Sequence[NewDelivery], follow: Following | None
    ) -> None:
        """Say what a recorded attempt may have set going."""
        if recorded.lane_waits or follow is not None:
            self._wake()
        if follow is not None or result.state is State.DEAD:
            self._reports.trouble()
        for each in instead:
            self._reports.work(each.channel)

    async def _write_last(self, due: Due, record: Callable[[Connection], object]) -> None:
        """Write once more at the deadline of a stop; where the result is written already, nothing is."""
        try:
            await self._node.database.write(record)
        except StoreUnavailable as error:
            self._node.log.error(
                "result not recorded before the bridge stopped, the message may go out again",
                delivery=due.id,
                why=str(error),
            )

    def _follow(self, due: Due, attempt: Attempt, outcome: Outcome) -> Result:
        match outcome:
            case Delivered(reference=reference, bounced=bounced):
                return Result(State.DELIVERED, reference=reference, bounced=bounced)
            case Rejected(gone=True):
                # Not the message's fault: it waits with the others for a person, see decision 10.
                return Result(State.PENDING, self._node.clock.now())
            case Rejected(bounced=bounced):
                return Result(State.DEAD, bounced=bounced)
            case Retry():
                again = next_attempt(
                    self.channel.policy.retry,
                    attempt=due.tries + 1,
                    retry=outcome,
                    first_at=due.first_at or attempt.started_at,
                    now=self._node.clock.now(),
                    chance=self._node.chance(),
                )
                return Result(State.PENDING, again) if again else Result(State.DEAD)
            case _:
                assert_never(outcome)

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

        await self._unsent(due, park)
        self._reports.trouble()

    async def _unsent(self, due: Due, end: Callable[[Connection], bool]) -> bool:
        """End a delivery that was not sent, and let another one have its place at the gate.

        Returns whether it did end.
        """
        back = self._gate.returning(self._node.clock.now())

        def write(connection: Connection) -> bool:
            ended = end(connection)
            if ended and back is not None:
                back(connection)
            return ended

        ended = await self._written(due, write)
        self._wake()
        return ended

    async def _written(self, due: Due, write: Callable[[Connection], bool]) -> bool:
        """Write, however long the store is away: nobody else takes up what is at work here."""
        return await until_written(
            self._node, write, "delivery waits, the store cannot be written", delivery=due.id
        )

    async def _bury(self, due: Due, lease: str, why: str) -> None:
        outcome, now = Rejected(Reason.INVALID, answer=why), self._node.clock.now()
        attempt = _attempt_of(due, now, 0.0, outcome)
        await self._record(due, lease, attempt, outcome, self._gate.returning(now))


def _attempt_of(due: Due, started_at: datetime, took_s: float, outcome: Outcome) -> Attempt:
    words: dict[type[Outcome], Literal["delivered", "retry", "rejected"]]
    words = {Delivered: "delivered", Retry: "retry", Rejected: "rejected"}
    return Attempt(
        number=due.attempts + 1,
        started_at=started_at,
        duration_ms=round(took_s * 1000),
        outcome=words[type(outcome)],
        reason=None if isinstance(outcome, Delivered) else outcome.reason,
        status=outcome.status,
        answer=outcome.answer[:ANSWER_LIMIT],
        trigger=due.trigger,
    )
