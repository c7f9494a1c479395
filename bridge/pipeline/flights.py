"""Deliveries that need no more than their turn and a connection at hand: sent without a task for each.

They go the way of all others, in fewer steps: whatever is out of the ordinary about one hands it over to a
task that does what a task does.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from bridge.channels.base import Prompt
from bridge.core.messages import Payload
from bridge.core.outcomes import Delivered, Outcome
from bridge.pipeline import suppression
from bridge.pipeline.admission import is_fresh
from bridge.pipeline.gate import Gate
from bridge.pipeline.node import Node, Point
from bridge.pipeline.recording import Recording, Rest, attempt_of, raised
from bridge.pipeline.results import Result
from bridge.pipeline.turns import Turns
from bridge.pipeline.worker import Worker
from bridge.store.deliveries import Due

Leased = tuple[Due, str]
_CLAIMED, _SENT = Point.CLAIMED, Point.SENT  # see `core.outcomes.State`


class Flights:
    """What is on its way through one channel without a task."""

    def __init__(  # noqa: PLR0913 - all but three by name
        self,
        node: Node,
        prompt: Prompt,
        worker: Worker[Leased],
        *,
        free: Container[tuple[str, str]],
        gate: Gate,
        turns: Turns,
        recording: Recording,
        by_task: Callable[[Leased, Payload, int], Rest],
    ) -> None:
        """`worker` is told of the end of what was begun.

        `free` are the actions, each by its rule and its name, whose messages stand by themselves and may go
        at any time. `by_task` attempts one delivery that has its turn, with its payload and the pauses
        before, in a task.
        """
        self.node = node
        self.clock = node.clock
        self.halts = node.halts
        self.prompt = prompt
        self.worker = worker
        self.gate = gate
        self.turns = turns
        self.recording = recording
        self.by_task = by_task
        self.free = free
        self.retired = False
        """Whether nothing more is sent."""
        self.abandoned = False
        """Whether nobody asks any more what came of it."""

    def begin(self, item: Leased) -> bool:
        """Send a delivery when it is its turn, if it needs no task; say whether it was taken up.

        It has its message, stands by itself, nobody is asked about it, and nothing can hold it: what remains
        is its turn and a connection.
        """
        due = item[0]
        payload = due.payload
        if (
            payload is None
            or (due.rule, due.action) not in self.free
            or due.held_until is not None
            or due.expires_at is not None
            or (due.asked_at is None and suppression.has_people(payload))
        ):
            return False
        self.node.reached(_CLAIMED)
        self.turns.ask(_Flight(self, item, payload).go)
        return True


class _Flight:
    """One delivery on its way."""

    __slots__ = ("_began", "_flights", "_item", "_pauses", "_payload", "_started_at")

    def __init__(self, flights: Flights, item: Leased, payload: Payload) -> None:
        self._flights = flights
        self._item = item
        self._payload = payload
        self._pauses = flights.gate.pauses

    def go(self) -> bool:
        """Send now; return whether that takes the turn."""
        flights, item = self._flights, self._item
        if flights.retired:  # the owner gives the lease back
            flights.worker.done(item)
            return False
        if not self._is_sent(item[0]):
            flights.worker.go_on(item, flights.by_task(item, self._payload, self._pauses))
        return True

    def _is_sent(self, due: Due) -> bool:
        flights = self._flights
        if flights.gate.pauses != self._pauses or due.rule in flights.halts.names:
            return False
        self._started_at, self._began = flights.clock.now(), flights.clock.monotonic()
        if self._started_at >= due.leased_until:  # the process stood still; somebody else may be at it
            return False
        if suppression.has_people(self._payload) and not is_fresh(due, self._started_at):
            return False
        try:
            return flights.prompt.send_at_once(self._payload, due.id, self._landed)
        except Exception:  # noqa: BLE001 - it is so again in the task, which records it
            return False

    def _landed(self, came: Any) -> None:  # noqa: ANN401 - the channel's own
        if self._flights.abandoned:
            return
        try:
            self._follow(self._outcome(came))
        except BaseException as error:  # noqa: BLE001 - as a task would
            self._flights.worker.fail(self._item, error)

    def _outcome(self, came: Any) -> Outcome:  # noqa: ANN401 - the channel's own
        try:
            return self._flights.prompt.outcome(came)
        except Exception as error:  # recorded with its traceback; an outcome all the same
            due = self._item[0]
            self._flights.node.log.exception("channel raised", channel=due.channel, delivery=due.id)
            return raised(error)

    def _follow(self, outcome: Outcome) -> None:
        flights, (due, lease) = self._flights, self._item
        took = flights.clock.monotonic() - self._began
        try:
            calm = flights.gate.stays(outcome)
            follow = None if calm else flights.gate.following(outcome, flights.clock.now())
        finally:
            flights.turns.end()
        flights.node.reached(_SENT)
        attempt = attempt_of(due, self._started_at, took, outcome)
        if follow is None and isinstance(outcome, Delivered) and not outcome.bounced:
            flights.recording.record_soon((due, lease, attempt, outcome.reference), self._recorded)
        else:
            rest = flights.recording.record(due, lease, attempt, outcome, follow)
            flights.worker.go_on(self._item, rest)

    def _recorded(self, result: Result, is_recorded: bool) -> None:  # noqa: FBT001 - an answer
        flights = self._flights
        if is_recorded:
            flights.worker.done(self._item)
        else:
            flights.worker.go_on(self._item, flights.recording.record_alone(result))
