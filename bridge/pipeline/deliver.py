"""One attempt at a due delivery: payload, channel, outcome, and what follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, assert_never

from bridge.channels.base import Channel
from bridge.core.backoff import next_attempt
from bridge.core.messages import Payload
from bridge.core.outcomes import ANSWER_LIMIT, Delivered, Outcome, Reason, Rejected, Retry, State
from bridge.pipeline.compose import Actions, Unready, compose, event_of
from bridge.pipeline.node import Node, Point
from bridge.pipeline.patience import until_written
from bridge.sources.base import Source
from bridge.store import outbox
from bridge.store.database import Connection, StoreUnavailable
from bridge.store.deliveries import Attempt, Due

LEASE_MARGIN = timedelta(seconds=30)
"""How much longer than an attempt's time limit a lease lasts, for composing before and recording after."""


@dataclass(frozen=True, slots=True)
class Result:
    """Where an attempt leaves its delivery."""

    state: Literal[State.PENDING, State.DELIVERED, State.DEAD]
    due_at: datetime | None = None
    reference: str | None = None


class Deliverer:
    """Delivers through one channel."""

    def __init__(self, node: Node, channel: Channel, actions: Actions, sources: Mapping[str, Source]) -> None:
        self.channel = channel
        self._node = node
        self._actions = actions
        self._sources = sources

    @property
    def lease_for(self) -> timedelta:
        """How long a claimed delivery stays ours."""
        return self.channel.policy.timeout + LEASE_MARGIN

    async def deliver(self, due: Due, lease: str) -> None:
        """Take one claimed delivery one attempt further; an error of ours parks it."""
        try:
            await self._deliver(due, lease)
        except StoreUnavailable as error:
            self._node.log.error(
                "delivery waits, the store cannot be written", delivery=due.id, why=str(error)
            )
        except Exception as error:  # recorded with its traceback; the loop lives on
            self._node.log.exception("delivery parked after an unexpected error", delivery=due.id)
            why = f"unexpected {type(error).__name__} while delivering; see the log"
            await self._park(due, lease, why)

    async def _deliver(self, due: Due, lease: str) -> None:
        self._node.reached(Point.CLAIMED)
        now = self._node.clock.now()
        if due.expires_at is not None and now >= due.expires_at:
            why = f"not sent by {due.expires_at.isoformat(timespec='seconds')}"
            await self._node.database.write(
                lambda c: outbox.expire(c, due.seq, lease=lease, now=now, why=why)
            )
            self._node.log.info("delivery expired", delivery=due.id, rule=due.rule, channel=due.channel)
            return
        payload = due.payload or await self._compose(due, lease)
        if payload is not None:
            await self._attempt(due, lease, payload)

    async def _compose(self, due: Due, lease: str) -> Payload | None:
        """Make the payload and store it, or park the delivery and return None."""
        composed = self._composed(due)
        if isinstance(composed, Unready):
            if composed.mendable:
                await self._park(due, lease, composed.why)
            else:
                await self._bury(due, lease, composed.why)
            return None
        ours = await self._node.database.write(
            lambda c: outbox.store_payload(c, due.seq, lease=lease, payload=composed)
        )
        return composed if ours else None

    def _composed(self, due: Due) -> Payload | Unready:
        action = self._actions.get((due.rule, due.action))
        if action is None:
            return Unready(f"rule '{due.rule}' no longer has the action '{due.action}'; restore it and retry")
        event = event_of(due.entry, due.event_index, self._sources)
        if isinstance(event, Unready):
            return event
        return compose(
            action=action, channel=self.channel, event=event, delivery_id=due.id, at=self._node.clock.now()
        )

    async def _attempt(self, due: Due, lease: str, payload: Payload) -> None:
        started_at, began = self._node.clock.now(), self._node.clock.monotonic()
        outcome = await self._send(payload, due.id)
        took = self._node.clock.monotonic() - began
        self._node.reached(Point.SENT)
        await self._record(due, lease, _attempt_of(due, started_at, took, outcome), outcome)

    async def _send(self, payload: Payload, delivery_id: str) -> Outcome:
        """Try once within the time limit; whatever goes wrong is an outcome."""
        try:
            async with asyncio.timeout(self.channel.policy.timeout.total_seconds()):
                return await self.channel.send(payload, delivery_id)
        except TimeoutError:
            return Retry(Reason.TIMEOUT, answer="no answer within the channel's time limit")
        except Exception as error:  # recorded with its traceback; an outcome all the same
            self._node.log.exception("channel raised", channel=self.channel.name, delivery=delivery_id)
            answer = f"unexpected {type(error).__name__} in the channel; see the log"
            return Retry(Reason.CLIENT, answer=answer)

    async def _record(self, due: Due, lease: str, attempt: Attempt, outcome: Outcome) -> None:
        """Store the attempt, however long the store is away: what was sent cannot be sent anew."""
        result = self._follow(due, attempt, outcome)
        self._node.reached(Point.RECORDING)
        await self._write_attempt(due, lease, attempt, result)
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

    async def _write_attempt(self, due: Due, lease: str, attempt: Attempt, result: Result) -> None:
        def record(connection: Connection) -> bool:
            return outbox.record(
                connection,
                due.seq,
                lease=lease,
                attempt=attempt,
                state=result.state,
                due_at=result.due_at,
                reference=result.reference,
            )

        try:
            waiting = "result waits, the store cannot be written"
            ours = await until_written(self._node, record, waiting, delivery=due.id)
        except asyncio.CancelledError:
            await self._write_last(due, record)
            raise
        if not ours:
            self._node.log.warning("result not recorded, the lease was lost", delivery=due.id)

    async def _write_last(self, due: Due, record: Callable[[Connection], bool]) -> None:
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
            case Delivered(reference=reference):
                return Result(State.DELIVERED, reference=reference)
            case Rejected():
                return Result(State.DEAD)
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

    async def _park(self, due: Due, lease: str, why: str) -> None:
        now = self._node.clock.now()
        self._node.log.warning(
            "delivery parked", delivery=due.id, rule=due.rule, channel=due.channel, why=why
        )
        await self._node.database.write(lambda c: outbox.park(c, due.seq, lease=lease, now=now, why=why))

    async def _bury(self, due: Due, lease: str, why: str) -> None:
        outcome = Rejected(Reason.INVALID, answer=why)
        await self._record(due, lease, _attempt_of(due, self._node.clock.now(), 0.0, outcome), outcome)


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
