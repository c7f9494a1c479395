"""What came of an attempt: the state that it leads to, written down however long the store is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal, assert_never

from msgspec import Struct

from bridge.core.backoff import RetryPolicy, next_attempt
from bridge.core.outcomes import ANSWER_LIMIT, Delivered, Outcome, Rejected, Retry, State
from bridge.pipeline import otherwise, suppression
from bridge.pipeline.compose import Actions
from bridge.pipeline.gate import Following
from bridge.pipeline.node import Node, Point
from bridge.pipeline.patience import until_written
from bridge.pipeline.results import Results
from bridge.sources.base import Source
from bridge.store import collections, outbox
from bridge.store.database import Connection, StoreUnavailable
from bridge.store.deliveries import Attempt, Due, NewDelivery, Recorded

LANES_NOTED = 10_000
_WORDS: Mapping[type[Outcome], Literal["delivered", "retry", "rejected"]]
_WORDS = {Delivered: "delivered", Retry: "retry", Rejected: "rejected"}


class Reports(Struct, frozen=True):
    """Who hears what came of deliveries: of work for another channel, by its name, and of trouble."""

    work: Callable[[str], None]
    trouble: Callable[[], None]


class Result(Struct, frozen=True):
    """Where an attempt leaves its delivery, and which addresses it found not to exist."""

    state: Literal[State.PENDING, State.DELIVERED, State.DEAD]
    due_at: datetime | None = None
    reference: str | None = None
    bounced: tuple[str, ...] = ()


class Recording:
    """Records the attempts of one channel, and tells those who wait for it."""

    def __init__(
        self,
        node: Node,
        policy: RetryPolicy,
        actions: Actions,
        sources: Mapping[str, Source],
        reports: Reports,
        wake: Callable[[], None],
    ) -> None:
        """`wake` is called when a delivery that waited for the end of another one may be due."""
        self._node = node
        self._policy = policy
        self._actions = actions
        self._sources = sources
        self._reports = reports
        self._wake = wake
        self._results = Results(node)
        self._lanes: set[bytes] = set()

    def wait_for(self, lane: bytes | None) -> None:
        """Note that a delivery waits for another one of its lane; too many are found by the next poll."""
        if len(self._lanes) >= LANES_NOTED:
            self._lanes.clear()
        if lane is not None:
            self._lanes.add(lane)

    async def record(
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
                    self._policy,
                    attempt=due.tries + 1,
                    retry=outcome,
                    first_at=due.first_at or attempt.started_at,
                    now=self._node.clock.now(),
                    chance=self._node.chance(),
                )
                return Result(State.PENDING, again) if again else Result(State.DEAD)
            case _:
                assert_never(outcome)


def attempt_of(due: Due, started_at: datetime, took_s: float, outcome: Outcome) -> Attempt:
    """Return the attempt at a delivery that came to an outcome after so many seconds."""
    return Attempt(
        number=due.attempts + 1,
        started_at=started_at,
        duration_ms=round(took_s * 1000),
        outcome=_WORDS[type(outcome)],
        reason=None if isinstance(outcome, Delivered) else outcome.reason,
        status=outcome.status,
        answer=outcome.answer[:ANSWER_LIMIT],
        trigger=due.trigger,
    )
