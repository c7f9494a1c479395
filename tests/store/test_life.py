"""Any sequence of what workers and people do keeps the store's laws; checked against a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bridge.core.outcomes import MOVES, State
from bridge.store import claiming, decisions, memory, outbox
from bridge.store.deliveries import Due, Moved, Refused, Taken
from bridge.store.engines import Engines
from bridge.store.entries import Lease
from bridge.store.schema import claims, deliveries
from tests.support.stored import MINUTE, NOW, attempt, new_delivery, store_entry

LANES = (None, b"a" * 16, b"b" * 16)
KEYS = (None, b"k" * 16, b"l" * 16)
WORKERS = ("one", "two")
OPEN = (State.PENDING, State.SENDING)
ENDS = (State.DELIVERED, State.DEAD, State.PENDING, State.EXPIRED, State.PARKED)


@dataclass
class Model:
    """What we believe of one delivery."""

    number: int
    lane: bytes | None
    key: bytes | None
    state: State
    ready_at: datetime
    due_at: datetime
    held_until: datetime | None = None
    lease: str | None = None
    tries: int = 0
    sent: int = field(default=0)


class Outbox(RuleBasedStateMachine):
    """Deliveries in lanes, with claims, worked on by two workers whose leases run out."""

    def __init__(self, engines: Engines) -> None:
        super().__init__()
        self.connection = engines.writer.connect()
        self.transaction = self.connection.begin()
        self.now = NOW
        self.models: dict[str, Model] = {}
        self.held: list[tuple[str, Due]] = []

    def teardown(self) -> None:
        self.transaction.rollback()
        self.connection.close()

    @initialize()
    def begin(self) -> None:
        self.entry = store_entry(self.connection)

    @rule(
        lane=st.sampled_from(LANES), key=st.sampled_from(KEYS), delay=st.integers(-2, 2), held=st.booleans()
    )
    def dispatch(self, lane: bytes | None, key: bytes | None, delay: int, held: bool) -> None:
        number = len(self.models) + 1
        due_at = self.now + delay * MINUTE
        until = due_at if held else None
        new = new_delivery(self.entry, number, lane=lane, due_at=due_at, held_until=until)
        if key is not None:
            holder = memory.reserve(
                self.connection, key=key, rule="r", action="a", label="x", delivery_id=new.id, now=self.now
            )
            assert holder == self.holder(key)
            if holder is not None:
                return
        assert outbox.enqueue(self.connection, new)
        self.models[new.id] = Model(number, lane, key, State.PENDING, due_at, due_at, until)

    @rule(worker=st.sampled_from(WORKERS), limit=st.integers(1, 4))
    def claim(self, worker: str, limit: int) -> None:
        until = self.now + 2 * MINUTE
        dues = claiming.claim_due(
            self.connection, channel="learners", now=self.now, lease=Lease(worker, until), limit=limit
        )
        expected = self.claimable()[:limit]
        assert sorted(due.id for due in dues) == sorted(expected)
        for due in dues:
            model = self.models[due.id]
            assert (due.tries, due.due_at) == (model.tries, model.due_at)
            model.state, model.lease, model.ready_at = State.SENDING, worker, until
            self.held.append((worker, due))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), end=st.sampled_from(ENDS))
    def finish(self, data: st.DataObject, end: State) -> None:
        worker, due = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        model = self.models[due.id]
        ours = model.state is State.SENDING and model.lease == worker
        again = self.now + MINUTE
        tried = attempt(due.attempts + 1, started_at=self.now)
        if end in (State.EXPIRED, State.PARKED):
            stop = outbox.expire if end is State.EXPIRED else outbox.park
            assert stop(self.connection, due.seq, lease=worker, now=self.now, why="x") == ours
        else:
            recorded = outbox.record(
                self.connection,
                due.seq,
                lease=worker,
                attempt=tried,
                state=end,  # type: ignore[arg-type]
                due_at=again if end is State.PENDING else None,
            )
            assert (recorded is not None) == ours
            model.tries += ours
            model.held_until = None if ours else model.held_until
        if ours:
            self.move(model, end)
            model.due_at = model.ready_at = again if end is State.PENDING else model.due_at

    @precondition(lambda self: self.held)
    @rule(data=st.data(), minutes=st.integers(1, 3))
    def hold(self, data: st.DataObject, minutes: int) -> None:
        worker, due = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        model, until = self.models[due.id], self.now + minutes * MINUTE
        ours = model.state is State.SENDING and model.lease == worker
        held = outbox.hold(self.connection, due.seq, lease=worker, now=self.now, until=until, why="x")
        assert held == ours
        if ours:
            self.move(model, State.PENDING)
            model.due_at = model.ready_at = model.held_until = until

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        id_, model = self.pick(data)
        result = decisions.retry(self.connection, id_, now=self.now)
        holder = self.holder(model.key)
        if model.state not in (State.PENDING, State.DEAD, State.EXPIRED, State.PARKED):
            assert result == Refused(model.state)
        elif holder not in (None, id_):
            assert result == Taken(str(holder))
        else:
            assert result == Moved()
            self.move(model, State.PENDING)
            model.due_at = model.ready_at = self.now
            model.tries, model.held_until = 0, None

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def discard(self, data: st.DataObject) -> None:
        id_, model = self.pick(data)
        result = decisions.discard(self.connection, id_, now=self.now, why="x")
        if State.DISCARDED in MOVES[model.state]:
            assert result == Moved()
            self.move(model, State.DISCARDED)
        else:
            assert result == Refused(model.state)

    @rule(worker=st.sampled_from(WORKERS))
    def stop(self, worker: str) -> None:
        theirs = [m for m in self.models.values() if m.state is State.SENDING and m.lease == worker]
        assert outbox.release(self.connection, worker) == len(theirs)
        for model in theirs:
            self.move(model, State.PENDING)
            model.ready_at = model.due_at

    @rule(minutes=st.integers(1, 3))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @invariant()
    def states_agree(self) -> None:
        rows = self.connection.execute(
            deliveries.select().with_only_columns(deliveries.c.id, deliveries.c.state)
        )
        assert {row.id: row.state for row in rows} == {id_: m.state for id_, m in self.models.items()}

    @invariant()
    def a_key_is_held_once_and_was_sent_once(self) -> None:
        rows = self.connection.execute(claims.select().where(claims.c.state != "released")).all()
        assert len({row.key for row in rows}) == len(rows)
        for key in KEYS[1:]:
            assert sum(m.sent for m in self.models.values() if m.key == key) <= 1

    @invariant()
    def next_due_is_the_first_that_can_be_claimed(self) -> None:
        ready = [m.ready_at for m in self.models.values() if self.first_of_lane(m) or self.is_held(m)]
        assert claiming.next_due(self.connection, "learners", now=self.now) == min(ready, default=None)

    def move(self, model: Model, state: State) -> None:
        assert state in MOVES[model.state]
        model.state, model.lease = state, None
        model.sent += state is State.DELIVERED

    def holder(self, key: bytes | None) -> str | None:
        given_up = (State.DEAD, State.EXPIRED, State.DISCARDED)
        holders = [
            id_
            for id_, model in self.models.items()
            if key is not None and model.key == key and model.state not in given_up
        ]
        assert len(holders) <= 1
        return holders[0] if holders else None

    def first_of_lane(self, model: Model) -> bool:
        earlier = (
            other.number
            for other in self.models.values()
            if other.lane == model.lane is not None and other.state in OPEN and not self.is_held(other)
        )
        return model.state in OPEN and (model.lane is None or model.number == min(earlier, default=0))

    def is_held(self, model: Model) -> bool:
        return model.state in OPEN and model.held_until is not None and model.held_until > self.now

    def claimable(self) -> list[str]:
        found = [
            (model.ready_at, model.number, id_)
            for id_, model in self.models.items()
            if model.ready_at <= self.now and self.first_of_lane(model)
        ]
        return [id_ for _, _, id_ in sorted(found)]

    def pick(self, data: st.DataObject) -> tuple[str, Model]:
        id_ = data.draw(st.sampled_from(sorted(self.models)))
        return id_, self.models[id_]


def test_no_sequence_of_moves_breaks_a_law(engines: Engines) -> None:
    """States, leases, lanes and claims agree with a simple model after every step."""

    class OnThese(Outbox):
        def __init__(self) -> None:
            super().__init__(engines)

    run_state_machine_as_test(
        OnThese, settings=settings(max_examples=100, stateful_step_count=40, deadline=None)
    )
