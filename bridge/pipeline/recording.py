"""What came of an attempt: the state that it leads to, written down however long the store is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Literal, assert_never

from msgspec import Struct

from bridge.core.backoff import RetryPolicy, next_attempt
from bridge.core.outcomes import ANSWER_LIMIT, Delivered, Outcome, Partly, Reason, Rejected, Retry, State
from bridge.pipeline import otherwise, partial, suppression
from bridge.pipeline.compose import Actions
from bridge.pipeline.gate import Following
from bridge.pipeline.node import Node, Point
from bridge.pipeline.patience import until_written
from bridge.pipeline.results import Ended, Result, Results
from bridge.sources.base import Source
from bridge.store import collections, outbox
from bridge.store.database import Connection, StoreUnavailable
from bridge.store.deliveries import Attempt, Due, NewDelivery, Recorded

Rest = Coroutine[None, None, None]
"""What remains to be awaited for a delivery."""
LANES_NOTED = 10_000
_DELIVERED, _RECORDING = State.DELIVERED.value, Point.RECORDING  # see `core.outcomes.State`
_WORDS: Mapping[type[Outcome], Literal["delivered", "retry", "rejected"]]
_WORDS = {Delivered: "delivered", Retry: "retry", Rejected: "rejected"}


class Reports(Struct, frozen=True):
    """Who hears what came of deliveries: of work for another channel, by its name, and of trouble."""

    work: Callable[[str], None]
    trouble: Callable[[], None]


class Step(Struct, frozen=True):
    """Where an attempt leaves its delivery, which addresses do not exist, and who has it if not all have."""

    state: Literal[State.PENDING, State.DELIVERED, State.DEAD]
    due_at: datetime | None = None
    reference: str | None = None
    bounced: tuple[str, ...] = ()
    partly: Partly | None = None


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
        self._results = Results(node, self._told)
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
        step = self._follow(due, attempt, outcome)
        self._node.reached(_RECORDING)
        alone = follow is not None or due.held_until is not None or step.bounced
        plain = step.state is State.DELIVERED and not alone
        if not (plain and await self._is_recorded((due, lease, attempt, step.reference))):
            await self._record(due, lease, attempt, step, follow)

    def record_soon(self, result: Result, ended: Ended) -> None:
        """Store a success that nothing else follows from, with those of the same moment.

        `ended` is told whether it is stored; else it is left to `record_alone`.
        """
        self._node.reached(_RECORDING)
        self._results.record(result, ended)

    async def record_alone(self, result: Result) -> None:
        """Store a success that could not be stored with others."""
        due, lease, attempt, reference = result
        await self._record(due, lease, attempt, Step(State.DELIVERED, reference=reference), None)

    async def _is_recorded(self, result: Result) -> bool:
        """Record a success with those of the same moment; return False if that has to be done alone."""
        recorded: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def ended(_: Result, is_recorded: bool) -> None:  # noqa: FBT001 - an answer
            if not recorded.done():
                recorded.set_result(is_recorded)

        self._results.record(result, ended)
        return await recorded

    def _told(self, results: Sequence[tuple[Result, Ended, Recorded | None]]) -> None:
        """Take in what became of results; of one that was not stored, whoever writes it alone says why."""
        for result, ended, found in results:
            due, _, attempt, _ = result
            if found is not None:
                if found.lane_waits or due.lane in self._lanes:
                    self._lanes.discard(due.lane or b"")
                    self._wake()
                self._say(due, attempt, _DELIVERED)
            ended(result, found is not None)

    async def _record(
        self, due: Due, lease: str, attempt: Attempt, step: Step, follow: Following | None
    ) -> None:
        await self._write_attempt(due, lease, attempt, step, follow)
        self._say(due, attempt, step.state.value)

    def _say(self, due: Due, attempt: Attempt, state: str) -> None:
        self._node.log.info(
            "attempt finished",
            delivery=due.id,
            rule=due.rule,
            channel=due.channel,
            attempt=attempt.number,
            outcome=attempt.outcome,
            reason=attempt.reason and str(attempt.reason),
            status=attempt.status,
            state=state,
            duration_ms=attempt.duration_ms,
        )

    async def _write_attempt(
        self, due: Due, lease: str, attempt: Attempt, step: Step, follow: Following | None
    ) -> None:
        now = self._node.clock.now()
        dead, secret = step.state is State.DEAD, self._node.database.secret
        instead: list[NewDelivery] = []

        def record(connection: Connection) -> Recorded | None:
            recorded = outbox.record(
                connection,
                due.seq,
                lease=lease,
                attempt=attempt,
                state=step.state,
                due_at=step.due_at,
                reference=step.reference,
            )
            if recorded is None:
                return None
            if follow is not None:
                follow(connection)
            _follow_up(connection, due, attempt, step, instead, now, secret)
            return recorded

        try:
            if dead and step.partly is None:
                instead += await otherwise.planned(self._node, self._actions, self._sources, due, now)
            waiting = "result waits, the store cannot be written"
            recorded = await until_written(self._node, record, waiting, delivery=due.id)
        except asyncio.CancelledError:
            await self._write_last(due, record)
            raise
        if recorded is None:
            self._node.log.warning("result not recorded, the lease was lost", delivery=due.id)
        else:
            self._tell(recorded, step, instead, follow)

    def _tell(
        self, recorded: Recorded, step: Step, instead: Sequence[NewDelivery], follow: Following | None
    ) -> None:
        """Say what a recorded attempt may have set going."""
        if recorded.lane_waits or follow is not None:
            self._wake()
        if follow is not None or step.state is State.DEAD:
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

    def _follow(self, due: Due, attempt: Attempt, outcome: Outcome) -> Step:
        match outcome:
            case Delivered(reference=reference, bounced=bounced):
                return Step(State.DELIVERED, reference=reference, bounced=bounced)
            case Rejected(gone=True):
                # Not the message's fault: it waits with the others for a person, see decision 10.
                return Step(State.PENDING, self._node.clock.now())
            case Rejected(bounced=bounced):
                return Step(State.DEAD, bounced=bounced, partly=partial.partly(due, outcome))
            case Retry(bounced=bounced):
                again = next_attempt(
                    self._policy,
                    attempt=due.tries + 1,
                    retry=outcome,
                    first_at=due.first_at or attempt.started_at,
                    now=self._node.clock.now(),
                    chance=self._node.chance(),
                )
                state: Literal[State.PENDING, State.DEAD] = State.PENDING if again else State.DEAD
                return Step(state, again, bounced=bounced, partly=partial.partly(due, outcome))
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


def _follow_up(
    connection: Connection,
    due: Due,
    attempt: Attempt,
    step: Step,
    instead: Sequence[NewDelivery],
    now: datetime,
    secret: bytes,
) -> None:
    """Write what follows from an attempt, in the transaction that has recorded it."""
    if due.held_until is not None and step.state is State.DELIVERED:
        collections.follow(connection, due.seq, step.state, now=now)
    if step.bounced:
        suppression.note_bounces(connection, secret, due, attempt, step.bounced)
    if step.partly is not None:
        partial.remember(connection, due, step.partly, now)
    if step.state is State.DEAD and step.partly is not None:
        partial.follow_death(connection, due, attempt, step.partly, now)
    elif step.state is State.DEAD:
        otherwise.follow_death(connection, due, attempt, instead, now)


def raised(error: Exception) -> Retry:
    """Return what comes of an attempt in which a channel of ours raised what it must not."""
    answer = f"unexpected {type(error).__name__} in the channel; see the log"
    return Retry(Reason.CLIENT, answer=answer)
