"""Deliveries that need no more than their turn and a connection at hand: sent without a task for each.

They go the way of all others, in fewer steps: whatever is out of the ordinary about one hands it over to a
task that does what a task does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridge.channels.base import Prompt
from bridge.core.messages import Payload
from bridge.core.outcomes import Delivered, Outcome
from bridge.pipeline.admission import Admission
from bridge.pipeline.gate import Gate
from bridge.pipeline.node import Node, Point
from bridge.pipeline.recording import Recording, Rest, attempt_of, raised
from bridge.pipeline.turns import Turns
from bridge.pipeline.worker import Worker
from bridge.store.deliveries import Due

Leased = tuple[Due, str]


class Flights:
    """What is on its way through one channel without a task."""

    def __init__(
        self,
        node: Node,
        prompt: Prompt,
        gate: Gate,
        turns: Turns,
        admission: Admission,
        recording: Recording,
        by_task: Callable[[Leased, Payload, int], Rest],
    ) -> None:
        """`by_task` attempts one that has its turn, with its payload and the pauses before, in a task."""
        self.node = node
        self.prompt = prompt
        self.gate = gate
        self.turns = turns
        self.admission = admission
        self.recording = recording
        self.by_task = by_task
        self.retired = False
        """Whether nothing more is sent."""
        self.abandoned = False
        """Whether nobody asks any more what came of it."""

    def begin(self, worker: Worker[Leased], item: Leased, payload: Payload) -> None:
        """Send a delivery when it is its turn; `worker` is told of its end."""
        self.turns.ask(_Flight(self, worker, item, payload).go)


class _Flight:
    """One delivery on its way."""

    __slots__ = ("_began", "_flights", "_item", "_pauses", "_payload", "_started_at", "_worker")

    def __init__(self, flights: Flights, worker: Worker[Leased], item: Leased, payload: Payload) -> None:
        self._flights = flights
        self._worker = worker
        self._item = item
        self._payload = payload
        self._pauses = flights.gate.pauses

    def go(self) -> bool:
        """Send now; return whether that takes the turn."""
        flights = self._flights
        if flights.retired:  # the owner gives the lease back
            self._worker.done(self._item)
            return False
        if not self._is_sent():
            self._worker.go_on(self._item, flights.by_task(self._item, self._payload, self._pauses))
        return True

    def _is_sent(self) -> bool:
        flights, due = self._flights, self._item[0]
        if flights.gate.pauses != self._pauses or not flights.admission.is_free(due):
            return False
        self._started_at, self._began = flights.node.clock.now(), flights.node.clock.monotonic()
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
            self._worker.fail(self._item, error)

    def _outcome(self, came: Any) -> Outcome:  # noqa: ANN401 - the channel's own
        try:
            return self._flights.prompt.outcome(came)
        except Exception as error:  # recorded with its traceback; an outcome all the same
            due = self._item[0]
            self._flights.node.log.exception("channel raised", channel=due.channel, delivery=due.id)
            return raised(error)

    def _follow(self, outcome: Outcome) -> None:
        flights, (due, lease) = self._flights, self._item
        clock = flights.node.clock
        took = clock.monotonic() - self._began
        try:
            follow = flights.gate.following(outcome, clock.now())
        finally:
            flights.turns.end()
        flights.node.reached(Point.SENT)
        attempt = attempt_of(due, self._started_at, took, outcome)
        if follow is None and isinstance(outcome, Delivered) and not outcome.bounced:
            flights.recording.record_soon(due, lease, attempt, outcome, self._ended)
        else:
            self._ended(flights.recording.record(due, lease, attempt, outcome, follow))

    def _ended(self, rest: Rest | None) -> None:
        if rest is None:
            self._worker.done(self._item)
        else:
            self._worker.go_on(self._item, rest)
