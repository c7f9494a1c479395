"""A bridge, its store and its destinations, where anything can go wrong, and what must never happen there."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, TypeVar

from sqlalchemy import event

from bridge.core.messages import Payload
from bridge.core.outcomes import Delivered, Outcome, Reason, Rejected, Retry, State
from bridge.core.rules import Rule
from bridge.pipeline.node import Point
from bridge.pipeline.trials import Trials, taken_back
from bridge.store import views
from bridge.store.creation import migrate
from bridge.store.database import Database, StoreUnavailable
from bridge.store.engines import make_engines
from bridge.store.views import DeliveryFilter, DeliveryRow, EventFilter, EventRow
from tests.support.clock import FakeClock
from tests.support.pipeline import Pipeline, RecordingLog, ScriptedChannel, action, channels, completion, rule

T = TypeVar("T")
Mood = Literal["ok", "error", "limited", "refuses", "answer lost", "request lost"]
MOODS: Mapping[Mood, Outcome] = {
    "ok": Delivered(200),
    "error": Retry(Reason.SERVER, 500),
    "limited": Retry(Reason.RATE_LIMITED, 429, after=timedelta(minutes=5)),
    "refuses": Rejected(Reason.CLIENT, 410),
    "answer lost": Retry(Reason.TIMEOUT),
    "request lost": Retry(Reason.CONNECTION),
}
Moment = Literal["begin", "statement", "commit", "after commit"]
NO_HANG_S = 20
EACH, ONCE, LATE = "each", "once", "late"


def rule_set(name: str) -> Sequence[Rule]:
    """Return one of the configurations that a restart may bring."""
    made = {
        EACH: rule(EACH, action(EACH, "wins")),
        ONCE: rule(ONCE, action(ONCE, "crm", once_per=["learner.email"])),
        LATE: rule(LATE, action(LATE, "crm", expires=timedelta(hours=1))),
    }
    return [made[each] for each in RULE_SETS[name]]


RULE_SETS: Mapping[str, frozenset[str]] = {
    "few": frozenset({EACH}),
    "usual": frozenset({EACH, ONCE}),
    "many": frozenset({EACH, ONCE, LATE}),
}


class Crash(BaseException):
    """The process ends here."""


@dataclass(frozen=True)
class Sent:
    """One message at a destination's door."""

    life: int
    channel: str
    id: str
    mood: Mood

    @property
    def delivered(self) -> bool:
        return self.mood == "ok"


@dataclass
class Trouble:
    """What goes wrong next.

    When work has come by `point` so many times, or at once without a point, the process `ends`, or the store
    fails `left` times at a moment.
    """

    moment: Moment | None = None
    left: int = 0
    point: Point | None = None
    countdown: int = 0
    ends: bool = False


class Target(ScriptedChannel):
    """A channel to a destination that has moods."""

    def __init__(self, name: str, told: Callable[[str, str], Awaitable[Outcome]]) -> None:
        super().__init__(name)
        self._told = told

    async def send(self, payload: Payload, delivery_id: str) -> Outcome:
        return await self._told(self.name, delivery_id)


class PromptTarget(Target):
    """The same, which takes messages at once, but for the first of a life and each after a failure."""

    def __init__(self, name: str, told: Callable[[str, str], Awaitable[Outcome]]) -> None:
        super().__init__(name, told)
        self._at_hand = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, payload: Payload, delivery_id: str) -> Outcome:
        outcome = await super().send(payload, delivery_id)
        self._at_hand = isinstance(outcome, Delivered)
        return outcome

    def send_at_once(self, payload: Payload, delivery_id: str, told: Callable[[Outcome], None]) -> bool:
        if not self._at_hand:
            return False
        task = asyncio.create_task(self._answer(payload, delivery_id, told))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _answer(self, payload: Payload, delivery_id: str, told: Callable[[Outcome], None]) -> None:
        told(await self.send(payload, delivery_id))

    def outcome(self, came: Outcome) -> Outcome:
        return came


@dataclass
class World:
    """Everything there is. `open` it, act, `settle`, look at it, `close` it."""

    url: str
    clock: FakeClock = field(default_factory=FakeClock)
    rules: str = "usual"
    life: int = 0
    dead: bool = False
    moods: dict[str, Mood] = field(default_factory=lambda: {"wins": "ok", "crm": "ok"})
    trouble: Trouble = field(default_factory=Trouble)
    shaken: bool = False
    """Whether the store has failed since the bridge came to rest."""
    sent: list[Sent] = field(default_factory=list)
    recorded: set[str] = field(default_factory=set)
    """Deliveries that the store is known to have as delivered, or given up."""
    broken: list[str] = field(default_factory=list)
    """Deliveries that were sent again, though they were taken in the same life, or recorded."""
    doubtful: set[str] = field(default_factory=set)
    """Deliveries that were answered, and whose result a crash or a lost answer kept from the store."""

    @classmethod
    async def open(cls, url: str) -> World:
        """Make a world with an empty store."""
        made = cls(url)
        await made._live()
        return made

    @property
    def alone(self) -> bool:
        """Whether one process works on the store, and may call every lease its own."""
        return self.url.startswith("sqlite")

    async def close(self) -> None:
        """End it."""
        await self._end()

    async def restart(self, rules: str, *, kill: bool) -> None:
        """Stop the bridge, or kill it, and start it anew with a set of rules."""
        if not (kill or self.dead):
            self.trouble = Trouble()
            await self._bounded(self.pipeline.engine.stop(1))
        await self._end()
        self.rules, self.dead = rules, False
        await self._live()

    async def post(self, *events: tuple[str, str]) -> list[bool]:
        """Post events (id, learner) at the same moment; return for each whether it was answered 200."""
        bodies = [
            completion(id_, learner={"name": who, "email": f"{who}@aluna.example"}) for id_, who in events
        ]
        return await self.post_bodies(*bodies)

    async def post_bodies(self, *bodies: Mapping[str, object]) -> list[bool]:
        """Post events at the same moment; return for each whether it was answered 200."""
        answers = await self._until_dead(asyncio.gather(*map(self.pipeline.receive, bodies)))
        return [False] * len(bodies) if answers is None else [status == 200 for (status,) in answers]

    async def settle(self) -> bool:
        """Let the bridge do everything that is due; return False if it died of it.

        What it holds without knowing, because the store failed it, is due when the leases have run out.
        """
        await self._until_dead(self._drained())
        while self.shaken and not self.dead:
            self.shaken = False
            self.clock.advance(seconds=100)
            await self._until_dead(self._drained())
        assert not self.broken, "sent again"
        return not self.dead

    async def events(self) -> list[EventRow]:
        """Return the inbox, oldest first."""
        return (await self.database.read(lambda c: views.list_events(c, EventFilter(limit=10_000))))[::-1]

    async def deliveries(self) -> list[DeliveryRow]:
        """Return the outbox, oldest first."""
        rows = await self.database.read(lambda c: views.list_deliveries(c, DeliveryFilter(limit=10_000)))
        return sorted(rows, key=lambda row: row.seq)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let another process hold the store meanwhile."""
        engines = make_engines(self.url)
        try:
            with engines.writer.begin() as connection:
                if not self.alone:
                    connection.exec_driver_sql("LOCK TABLE inbox")
                yield
        finally:
            engines.dispose()

    async def _drained(self) -> None:
        work = asyncio.ensure_future(self.pipeline.engine.drain())
        try:
            while not work.done():
                await asyncio.wait({work}, timeout=0.001)
                if not work.done() and self.clock.sleeping:
                    self.clock.advance(seconds=1)
        finally:
            work.cancel()
        await work

    async def _live(self) -> None:
        self.life += 1
        self.died = asyncio.Event()
        self.trials = Trials()
        if self.life == 1:  # other tests make their stores at the same time, and one waits for another
            await asyncio.to_thread(migrate, self.url)
        self.database = await Database.open(self.url, busy_timeout=timedelta(milliseconds=20), readers=1)
        if self.alone:
            now = self.clock.now()
            self.trials.begin(await self.database.write(lambda c: taken_back(c, now)), RecordingLog())
        else:
            self.clock.advance(seconds=100)  # the leases of the life before run out
        await self._note_doubts()
        event.listen(self.database.engine, "before_cursor_execute", self._on_statement)
        event.listen(self.database.engine, "commit", self._on_commit)
        self.pipeline = self._pipeline()

    def _pipeline(self) -> Pipeline:
        return Pipeline(
            self.database,
            rule_set(self.rules),
            channels(Target("wins", self._arrive), PromptTarget("crm", self._arrive)),
            clock=self.clock,
            name=f"life-{self.life}",
            of_node={"reached": self._reached, "alone": self.alone, "trials": self.trials},
        )

    async def _end(self) -> None:
        """Abandon the process: nothing that it still does reaches the store."""
        self.dead = True
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self.database.close()
        self.trouble = Trouble()

    async def _note_doubts(self) -> None:
        """Note what was delivered in an earlier life, and is not recorded."""
        known = {row.id for row in await self.deliveries() if row.state is State.DELIVERED}
        self.doubtful |= {sent.id for sent in self.sent if sent.delivered} - known

    async def _until_dead(self, work: Coroutine[Any, Any, T] | asyncio.Future[T]) -> T | None:
        task, died = asyncio.ensure_future(work), asyncio.ensure_future(self.died.wait())
        async with asyncio.timeout(NO_HANG_S):
            await asyncio.wait({task, died}, return_when=asyncio.FIRST_COMPLETED)
        died.cancel()
        if self.dead:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return None
        return await task

    async def _bounded(self, work: Coroutine[Any, Any, None]) -> None:
        async with asyncio.timeout(NO_HANG_S):
            await work

    async def _arrive(self, channel: str, delivery_id: str) -> Outcome:
        """Take one message, and note if it must not have come."""
        if self.dead:
            raise Crash
        mood = self.moods[channel]
        taken = {(sent.id, sent.life) for sent in self.sent if sent.delivered}
        if delivery_id in self.recorded or (delivery_id, self.life) in taken:
            self.broken.append(delivery_id)
        self.sent.append(Sent(self.life, channel, delivery_id, mood))
        if mood == "answer lost":
            self.doubtful.add(delivery_id)
        await asyncio.sleep(0)
        return MOODS[mood]

    def _reached(self, point: Point) -> None:
        trouble = self.trouble
        if not self.dead and trouble.point is point:
            trouble.countdown -= 1
            if not trouble.countdown:
                trouble.point, self.dead = None, trouble.ends
        if self.dead:
            self.died.set()
            raise Crash

    def _on_statement(self, _c: object, _u: object, statement: str, *_: object) -> None:
        begins = statement.startswith("BEGIN")
        self._fail("begin" if begins else "statement")

    def _on_commit(self, connection: Any) -> None:
        self._fail("commit")
        self._fail("after commit", connection.connection.commit)

    def _fail(self, moment: Moment, first: Callable[[], object] = lambda: None) -> None:
        trouble = self.trouble
        if self.dead:
            raise StoreUnavailable("the process has ended")
        if trouble.moment == moment and trouble.left and trouble.point is None:
            trouble.left -= 1
            self.shaken = True
            first()
            raise StoreUnavailable(f"trouble at {moment}")

    def delivered_ids(self) -> dict[str, set[int]]:
        """Return the deliveries that a destination accepted, with the lives in which it did."""
        found: dict[str, set[int]] = defaultdict(set)
        for sent in self.sent:
            if sent.delivered:
                found[sent.id].add(sent.life)
        return found
