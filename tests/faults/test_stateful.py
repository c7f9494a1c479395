"""The promises against anything that can happen, in any order: a small model beside the whole pipeline.

The same runs each time, unless `BRIDGE_FAULT_RUNS` asks for so many new ones; they want a longer `--timeout`.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from bridge.core.outcomes import State
from bridge.pipeline.node import Point
from bridge.store.views import DeliveryRow, EventRow
from tests.faults.world import MOODS, ONCE, RULE_SETS, Mood, Trouble, World
from tests.support.databases import postgres_server, schema_of

__all__ = ["postgres_server"]

T = TypeVar("T")
LEARNERS = ("maria", "joana")
ENDS = (State.DELIVERED, State.DEAD, State.EXPIRED, State.DISCARDED, State.PARKED)
FOREVER = (State.DELIVERED, State.DISCARDED)
CLAIMS_BEFORE_PARKING = 5

numbers = st.integers(0, 30)
mood = st.one_of(st.just("ok"), st.sampled_from(sorted(MOODS)))
moods = st.fixed_dictionaries({"wins": mood, "crm": mood})
rule_sets = st.sampled_from(sorted(RULE_SETS))


@dataclass
class Posted:
    """What the model knows of an event."""

    learner: str
    answered: bool = False
    run: int = 1
    done: bool = False
    rule_sets: set[str] = field(default_factory=set)
    """Those that were in force while it waited."""
    asked_for: bool = False
    """A person had it replayed."""
    was_parked: bool = False


@contextmanager
def sqlite_store() -> Iterator[str]:
    """Make a store where files are quick, if there is such a place."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield f"sqlite:///{folder}/bridge.db"


class Promises(RuleBasedStateMachine):
    """Events, faults, restarts and people; after each time that the bridge came to rest, the promises."""

    make_store: Callable[[], AbstractContextManager[str]] = staticmethod(sqlite_store)

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.store = self.make_store()
        self.world = self.runner.run(World.open(self.store.__enter__()))
        self.posted: dict[str, Posted] = {}
        self.retried: set[str] = set()
        self.last: dict[str, State] = {}
        self.whole = True

    def teardown(self) -> None:
        try:
            if self.whole:
                self.do(self.finish())
        finally:
            self.runner.run(self.world.close())
            self.runner.close()
            self.store.__exit__(None, None, None)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self.runner.run(work)
        except BaseException:
            self.whole = False
            raise

    @rule(
        learners=st.lists(st.sampled_from(LEARNERS), min_size=1, max_size=4),
        again=st.booleans(),
        n=numbers,
        at_work=st.booleans(),
        moods=moods,
    )
    def events_arrive(
        self, learners: list[str], again: bool, n: int, at_work: bool, moods: dict[str, Mood]
    ) -> None:
        """New events at the same moment, or one of them for the second time; destinations answer so or so."""
        self.world.moods = moods
        names = [f"e{len(self.posted) + place}" for place in range(len(learners))]
        if again and self.posted:
            names[-1] = list(self.posted)[n % len(self.posted)]
        for name, learner in zip(names, learners, strict=True):
            self.posted.setdefault(name, Posted(learner, rule_sets={self.world.rules}))
        self.do(self.post(names))
        if at_work:
            self.do(self.work())

    @rule(learner=st.sampled_from(LEARNERS))
    def an_event_arrives_while_the_store_is_locked(self, learner: str) -> None:
        """Another process holds it for longer than we wait."""
        name = f"e{len(self.posted)}"
        self.posted[name] = Posted(learner, rule_sets={self.world.rules})
        with self.world.locked():
            self.do(self.post([name]))
        assert not self.posted[name].answered

    @rule(hours=st.sampled_from([-30, -1, 1, 30]))
    def the_clock_jumps(self, hours: int) -> None:
        """Somebody sets it."""
        self.world.clock.jump(hours=hours)

    @rule(
        moment=st.sampled_from(["begin", "statement", "commit", "after commit"]),
        times=st.sampled_from([1, 2, 8]),
        point=st.sampled_from([None, *Point]),
        nth=st.integers(1, 3),
    )
    def the_store_fails(self, moment: Any, times: int, point: Point | None, nth: int) -> None:
        """A few times that it comes to this, at once or behind a point."""
        self.world.trouble = Trouble(moment=moment, left=times, point=point, countdown=nth)

    @rule(point=st.sampled_from(list(Point)), nth=st.integers(1, 3))
    def the_process_is_about_to_end(self, point: Point, nth: int) -> None:
        """As soon as it comes by this point for the n-th time."""
        self.world.trouble = Trouble(point=point, countdown=nth, ends=True)

    @rule(rules=rule_sets, kill=st.booleans())
    def the_bridge_is_restarted(self, rules: str, kill: bool) -> None:
        """Stopped or killed, and started with other rules."""
        self.do(self.restart(rules, kill=kill))

    @rule(seconds=st.sampled_from([0, 1, 11, 70, 700, 4_000, 30_000]), moods=moods)
    def the_bridge_works(self, seconds: int, moods: dict[str, Mood]) -> None:
        """Time passes, retries fall due, leases run out; it does what is due, and the promises hold."""
        self.world.moods = moods
        self.world.clock.advance(seconds=seconds)
        self.do(self.work())

    @rule(what=st.sampled_from(["replay", "retry", "discard"]), n=numbers)
    def a_person_acts(self, what: str, n: int) -> None:
        """On the admin pages."""
        self.world.trouble = Trouble()
        if self.last:
            self.do(self.act(what, n))

    async def post(self, names: list[str]) -> None:
        answers = await self.world.post(*((name, self.posted[name].learner) for name in names))
        for name, answered in zip(names, answers, strict=True):
            self.posted[name].answered |= answered
        await self.revive()

    async def revive(self) -> None:
        if self.world.dead:
            await self.restart(self.world.rules, kill=True)

    async def restart(self, rules: str, *, kill: bool) -> None:
        await self.world.restart(rules, kill=kill)
        for posted in self.posted.values():
            if not posted.done:
                posted.rule_sets.add(rules)

    async def work(self) -> None:
        if await self.world.settle():
            await self.look()
        await self.revive()

    async def act(self, what: str, n: int) -> None:
        operator = self.world.pipeline.operator
        delivery_id = list(self.last)[n % len(self.last)]
        if what == "retry" and (await operator.retry(delivery_id)).done:
            self.retried.add(delivery_id)
            self.world.recorded.discard(delivery_id)
        elif what == "discard" and (await operator.discard(delivery_id, "no longer wanted")).done:
            self.world.recorded.add(delivery_id)
        elif what == "replay":
            events = await self.world.events()
            row = events[n % len(events)]
            posted = self.posted[row.delivery_key]
            await operator.replay(row.seq)
            posted.run += row.state != "new"
            posted.done, posted.asked_for, posted.rule_sets = (
                False,
                True,
                {self.world.rules} | (set() if row.state != "new" else posted.rule_sets),
            )

    async def look(self) -> None:
        """Check everything that must hold when the bridge has come to rest."""
        events, deliveries = await self.world.events(), await self.world.deliveries()
        by_key = {row.delivery_key: row for row in events}
        for name, posted in self.posted.items():
            if posted.answered or name in by_key:
                self.check_event(posted, by_key[name], deliveries)
        for row in deliveries:
            self.check_delivery(row)
        assert self.world.pipeline.log.events("exception") == []
        self.check_once_per(deliveries, by_key)
        self.check_order(deliveries, events)

    def check_event(self, posted: Posted, row: EventRow, deliveries: list[DeliveryRow]) -> None:
        """It went through the rules that were in force, once for each run."""
        assert row.run == posted.run
        if row.state == "parked":
            assert "taken up" in str(row.why)
            posted.was_parked = posted.done = True
            return
        assert row.state == "done", f"an event that was answered 200 is {row.state}"
        posted.done = True
        made = [each.rule for each in deliveries if each.inbox_seq == row.seq and each.run == row.run]
        assert len(made) == len(set(made))
        assert any(set(made) | {ONCE} == RULE_SETS[name] | {ONCE} for name in posted.rule_sets)
        held = any(each.rule == ONCE and each.learner == row.learner for each in deliveries)
        assert ONCE in made or held or "few" in posted.rule_sets

    def check_delivery(self, row: DeliveryRow) -> None:
        """It stands where it may stand, and what is said of it is true."""
        before = self.last.get(row.id)
        assert before not in FOREVER or row.state is before
        self.last[row.id] = row.state
        lives = self.world.delivered_ids().get(row.id, set())
        assert lives or row.state is not State.DELIVERED
        assert row.state is State.DELIVERED or self.world.life not in lives, row.why
        if row.state in FOREVER:
            self.world.recorded.add(row.id)

    def check_once_per(self, deliveries: list[DeliveryRow], events: dict[str, EventRow]) -> None:
        """At most one delivery of a learner was accepted, but for those of which we never heard."""
        accepted = defaultdict(set)
        for row in deliveries:
            if (
                row.rule == ONCE
                and row.id in self.world.delivered_ids()
                and row.id not in self.world.doubtful
            ):
                accepted[row.learner].add(row.id)
        assert all(len(ids) == 1 for ids in accepted.values())

    def check_order(self, deliveries: list[DeliveryRow], events: list[EventRow]) -> None:
        """A learner's messages reached a channel in the order of the events."""
        learner = {row.seq: row.learner for row in events}
        untouched = {
            row.seq
            for row in events
            if not self.posted[row.delivery_key].asked_for and not self.posted[row.delivery_key].was_parked
        }
        rows = {
            row.id: row for row in deliveries if row.inbox_seq in untouched and row.id not in self.retried
        }
        lanes: dict[tuple[str, str | None], list[int]] = defaultdict(list)
        for id_ in dict.fromkeys(sent.id for sent in self.world.sent if sent.delivered):
            if id_ in rows:
                row = rows[id_]
                lanes[row.channel, learner[row.inbox_seq]].append(row.inbox_seq)
        assert all(seqs == sorted(seqs) for seqs in lanes.values()), lanes

    async def finish(self) -> None:
        """With everything well again, everything comes to its end."""
        self.world.trouble = Trouble()
        self.world.moods = {"wins": "ok", "crm": "ok"}
        for _ in range(5):
            self.world.clock.advance(hours=30)
            assert await self.world.settle()
        await self.look()
        assert all(row.state in ENDS for row in await self.world.deliveries())
        for name, posted in self.posted.items():
            assert posted.done or not posted.answered, name
        for id_, lives in self.world.delivered_ids().items():
            assert len(lives) == 1 or id_ in self.world.doubtful


LONGER = "BRIDGE_FAULT_RUNS" in os.environ


def runs(usual: int) -> settings:
    """Return how much is tried."""
    return settings(
        max_examples=int(os.environ.get("BRIDGE_FAULT_RUNS", usual)),
        stateful_step_count=40 if LONGER else 25,
        derandomize=not LONGER,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def test_the_promises_hold_on_sqlite() -> None:
    """One process on a file."""
    run_state_machine_as_test(Promises, settings=runs(40))


def test_the_promises_hold_on_postgresql(postgres_server: str) -> None:
    """One of several processes, as far as it knows: what another one held is waited for."""

    class OnPostgres(Promises):
        make_store = staticmethod(lambda: schema_of(postgres_server))

    run_state_machine_as_test(OnPostgres, settings=runs(8))
