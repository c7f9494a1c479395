"""A bridge whose every outer happening comes when a seed says so: commits, answers, acts, time.

The event loop keeps the order that it promises. What it does not promise is drawn: when the store's thread
commits and when that is known, what is read when, which destination answers first and what, when a person
acts, when the configuration is exchanged, and how much time passes between any two of these. The looks at
the store that a worker takes by itself come only when they are asked for, so that a wake-up that is lost
shows: such a look then finds what should have been at work already.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select

from bridge.core.suppressions import Scope, Source, Suppression, address_key
from bridge.pipeline.operate import Operator
from bridge.store import suppressions
from bridge.store.database import StoreUnavailable
from bridge.store.schema import deliveries, inbox
from tests.faults.doors import GOOD, MOODS, Options
from tests.faults.houses import House
from tests.faults.shops import NAMED, OTHER, Shop
from tests.faults.turns import Loop, ring
from tests.faults.watching import Watch, Wrong

ACTS = ("retry", "retry", "replay", "discard", "pause", "resume", "resume", "pause rule", "resume rule")
SHORT, LONG = (0.01, 0.05, 0.2, 0.9, 3, 30), (60, 100, 700, 4000)


class Play(Watch):
    """What one seed brings; `run` raises `Wrong` where something is."""

    def __init__(self, seed: int, url: str, shops: Sequence[Shop], options: Options, nodes: int = 1) -> None:
        super().__init__(random.Random(seed), options)
        self._url = url
        self._shops = shops
        self._nodes = nodes
        self._bodies: list[dict[str, object]] = []
        self._posts: list[asyncio.Task[None]] = []
        self._acts: list[asyncio.Task[None]] = []
        self._read: list[Callable[[], None]] = []
        """Results of reads that nobody knows of yet."""

    async def run(self) -> None:
        """Play it."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        self._loop = loop
        log = self.log
        self._houses = [House(self._url, f"node-{number}", self.world, log) for number in range(self._nodes)]
        if self.chance.random() < 0.5:
            self._suppress()
        loop.threads = []
        try:
            for house in self._houses:
                self._exchange(house)
            await self._quiet()
            for _ in range(self.options.epochs):
                await self._epoch()
            await self._finish()
        finally:
            loop.threads = None
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            for house in self._houses:
                house.close()

    # ---- the course of things ----

    async def _epoch(self) -> None:
        """Let anything happen for a while, then everything that follows from it; nothing may be left then.

        In every other one no time passes, and nothing fails, that may be an excuse.
        """
        options, chance = self.options, self.chance
        self.world.mood = chance.choice(MOODS)
        left = chance.randrange(options.events + 1)
        calm = chance.random() < 0.5
        for _ in range(chance.choice((10, 40, 120))):
            drawn = chance.random()
            if left and drawn < 0.3:
                left -= 1
                self._post()
            elif not calm and drawn < 0.3 + options.time:
                self._pass(chance.choice(SHORT))
            elif not calm and chance.random() < options.stands_still:
                self._pass(chance.choice(LONG))
            elif chance.random() < options.acts:
                self._act()
            elif not calm and chance.random() < options.exchanges:
                self._exchange(chance.choice(self._houses))
            elif chance.random() < 0.08:
                ring(self.clock.polls)
            else:
                self._one(well=calm)
            for _ in range(chance.choice((0, 0, 1, 1, 2, 4, 30))):
                await asyncio.sleep(0)
        await self._quiet(well=calm)
        await self._look()

    async def _finish(self) -> None:
        """Let all destinations be well, and time pass until nothing is left to be done."""
        self.world.mood = GOOD
        self.options.raising = self.options.unencodable = 0.0
        await self._resume_all()
        idle, left = 0, self._standing()
        while left:
            if idle > 60:
                raise Wrong(f"never done: {left}")
            self._pass(self._until_next())
            await self._quiet()
            await self._look()
            before, left = left, self._standing()
            idle = idle + 1 if before == left else 0
        self._check_end()

    async def _quiet(self, *, well: bool = True) -> None:
        """Return when nothing more happens, not even in time where something waits for that."""
        for _ in range(50_000):
            for _ in range(3):
                await asyncio.sleep(0)
            if not self._loop.is_idle:
                continue
            if self._happenings():
                self._one(well=well)
            elif not self._waits_for_time():
                return
        raise Wrong("it never comes to rest")

    async def _look(self) -> None:
        """Have every loop look at the store; it finds nothing that should have been at work already.

        What time or others have brought on is found by the first look; another one has nothing to find.
        """
        for _ in range(2):
            self._check_hands()
            before, excuses = self._standing(), self._excused()
            self._excuses.clear()
            self.trace.append(f"look {' '.join(sorted(excuses))}")
            ring(self.clock.polls)
            await self._answered()
            after = self._standing()
            if before != after and not excuses:
                raise Wrong(f"a look found what nobody was woken for: {dict(before.items() ^ after.items())}")
            if not excuses:
                ring(self.clock.watches)
            await self._quiet()

    async def _answered(self) -> None:
        """Let the store do what it is asked for, and nothing else happen."""
        while True:
            for _ in range(5):
                await asyncio.sleep(0)
            asked = [each for weight, each in self._happenings() if weight != 1]
            if asked:
                asked[0](True)
            elif self._loop.is_idle:
                return

    # ---- what happens ----

    def _happenings(self) -> list[tuple[int, Callable[[bool], None]]]:
        """Return what may happen next, each with how likely it is; of destinations that is 1."""
        found: list[tuple[int, Callable[[bool], None]]] = []
        for house in self._houses:
            if house.thread.jobs:
                found.append((2, lambda well, house=house: self._commit(house, well=well)))  # type: ignore[misc]
            if house.thread.answers:
                found.append((2, lambda _, house=house: house.thread.answer()))  # type: ignore[misc]
            if house.unheard:
                found.append((2, lambda _, house=house: house.hear()))  # type: ignore[misc]
        if self._loop.threads:
            found.append((2, lambda _: self._read.append(_any(self._loop.threads or [], self.chance)())))
        if self._read:
            found.append((2, lambda _: _any(self._read, self.chance)()))
        if any(not sent.hangs for sent in self.world.under_way):
            found.append((1, lambda _: self.world.reply()))
        return found

    def _one(self, *, well: bool) -> None:
        """Let one thing happen, or several of its kind in the same turn of the loop."""
        for _ in range(self.chance.choice((1, 1, 1, 2, 8))):
            happenings = self._happenings()
            if happenings:
                self.chance.choices(*zip(*((each, w) for w, each in happenings), strict=True))[0](well)

    def _commit(self, house: House, *, well: bool) -> None:
        trouble, doubt = self.options.trouble, self.options.doubt
        if well:
            self.options.trouble = self.options.doubt = 0.0
        house.commit(self.chance.choice((1, 2, 5, 1000)))
        self.options.trouble, self.options.doubt = trouble, doubt
        said, house.said = house.said, []
        for other in self._houses:
            if other is not house:
                other.unheard += said

    def _post(self) -> None:
        for _ in range(self.chance.choice(self.options.bursts)):
            again = self._bodies and self.chance.random() < 0.05
            body = self.chance.choice(self._bodies) if again else self._body(len(self._bodies))
            self._bodies.append(body)
            self._posts.append(asyncio.ensure_future(self._posted(body)))

    async def _posted(self, body: Mapping[str, object]) -> None:
        ingest, raw = self.chance.choice(self._houses).ingest, json.dumps(body).encode()
        headers = ingest.sources["eduzz"].outgoing_headers(raw)
        answer = await ingest.receive("eduzz", headers, raw)
        if answer.status == 200:
            self._taken.add(str(body["id"]))

    def _body(self, number: int) -> dict[str, object]:
        chance, who = self.chance, f"l{self.chance.randrange(self.options.learners)}"
        kinds = ["module_completed", "lesson_completed", "lesson_started"]
        return {
            "id": f"e{number}",
            "event": f"nutror.{chance.choices(kinds, [8, 2, 1])[0]}",
            "data": {
                "producer": {"name": "Rui Prado", "email": "rui@escola.example"},
                "learner": {"name": who.title(), "email": f"{who}@aluna.example"},
                "course": {"hash": chance.choice("ccd") * 40, "title": "Python"},
                "module": {"id": chance.choice("123"), "title": "Funções"},
                "lesson": {"id": "3866", "title": "Retorno"},
                "createdAt": self.clock.now().isoformat().replace("+00:00", "Z"),
            },
            "sentDate": "2026-05-04T11:59:59.000Z",
        }

    def _pass(self, seconds: float) -> None:
        self._excuses.add("time")
        self.trace.append(f"{seconds:g} seconds")
        if self._nodes > 1 and seconds > 1:  # leases may run out, and the other node does what is under them
            under = select(deliveries.c.id).where(deliveries.c.lease.is_not(None))
            self.world.may_repeat |= {id_ for (id_,) in self._rows(under)}
        self.clock.advance(seconds=seconds)
        self._loop.at += seconds

    def _exchange(self, house: House) -> None:
        if house.exchanging is None or house.exchanging.done():
            self.trace.append("exchange")
            self._excuses.add("exchange")
            house.exchanging = asyncio.ensure_future(house.begin(self.chance.choice(self._shops)))

    def _act(self) -> None:
        """Have a person do something, in this process or by a command."""
        operator, what = self._operator(), self.chance.choice(ACTS)
        shop = self.chance.choice(self._shops)
        rule = self.chance.choice([each.name for each in shop.loaded.rules])
        self.trace.append(what)
        work = self._work(operator, what, self.chance.choice(list(shop.policies)), rule)
        if work is not None:
            self._acts.append(asyncio.ensure_future(_tried(work)))

    def _operator(self) -> Operator:
        house = self.chance.choice(self._houses)
        if house.exchange.work is not None and self.chance.random() < 0.6:
            return house.exchange.work.services.operator
        self._excuses.add("another process")
        return Operator(house.node)

    def _work(
        self, operator: Operator, what: str, channel: str, rule: str
    ) -> Coroutine[Any, Any, Any] | None:
        match what:
            case "pause":
                return operator.pause(channel, "by a person")
            case "resume":
                return operator.resume(channel)
            case "pause rule" | "resume rule":
                self._reopen_all()
                return (
                    operator.pause_rule(rule, "why") if what == "pause rule" else operator.resume_rule(rule)
                )
            case "replay":
                seqs = self._rows(select(inbox.c.seq))
                return operator.replay(self.chance.choice(seqs)[0]) if seqs else None
        rows = self._rows(select(deliveries.c.id, deliveries.c.lane, deliveries.c.state))
        if not rows:
            return None
        id_, lane, state = self.chance.choice([row for row in rows if row[2] != "delivered"] or rows)
        if what == "discard":
            self._excuses.add("discard")  # what waits behind it is found by the next look
            return operator.discard(id_, "enough")
        if lane is not None and state != "pending":
            self._reopened.add(bytes(lane))
        return operator.retry(id_)

    def _reopen_all(self) -> None:
        rows = self._rows(select(deliveries.c.lane).where(deliveries.c.lane.is_not(None)))
        self._reopened |= {bytes(lane) for (lane,) in rows}

    def _waits_for_time(self) -> bool:
        """Let time pass where something waits for it; say whether it does."""
        exchanging = any(house.is_exchanging for house in self._houses)
        if exchanging:
            self.world.may_repeat |= {sent.id for sent in self.world.under_way}
        first = self.clock.first_s
        if exchanging or any(sent.hangs for sent in self.world.under_way):
            self._pass(2.5)
        elif first is not None and (self._excused() - {"time"} or first <= 2):
            self._pass(max(first, 0.000_001))
        elif any(not task.done() for task in self._posts):
            if not self._excused():
                raise Wrong("senders wait for nothing")
            self._pass(1.1)
        else:
            return False
        return True

    async def _resume_all(self) -> None:
        work = self._houses[0].exchange.work
        assert work is not None
        self._reopen_all()
        for shop in self._shops:
            for each in shop.loaded.rules:
                await self._done(work.services.operator.resume_rule(each.name))
            for channel in shop.policies:
                await self._done(work.services.operator.resume(channel))

    async def _done(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.ensure_future(work)
        while not task.done():
            await self._quiet()
        task.result()

    def _suppress(self) -> None:
        """Put people on the list of those who get no messages."""
        house = self._houses[0]
        with house.engines.writer.begin() as connection:
            for who in (NAMED, OTHER):
                gone = Suppression(
                    key=address_key(house.secret, who),
                    source=Source.BOUNCED,
                    scope=Scope.EVERYTHING,
                    at=self.clock.now(),
                )
                suppressions.add(connection, gone)

    def _until_next(self) -> float:
        """Return how many seconds to let pass for something that waits."""
        now = self.clock.now()
        found = self._rows(select(func.min(deliveries.c.ready_at)).where(deliveries.c.ready_at > now))[0][0]
        if found is None or self.chance.random() < 0.5:
            return self.chance.choice((1.0, 30.0, 100.0))
        return max(1.0, float((found - now).total_seconds()))


def _any(items: list[Any], chance: random.Random) -> Any:
    return items.pop(chance.randrange(len(items)))


async def _tried(work: Coroutine[Any, Any, object]) -> None:
    with contextlib.suppress(StoreUnavailable):
        await work


def play(seed: int, url: str, shops: Sequence[Shop], options: Options, nodes: int = 1) -> Play:
    """Play one seed over an empty store; raises `Wrong` where something is."""
    made = Play(seed, url, shops, options, nodes)
    with asyncio.Runner(loop_factory=Loop) as runner:
        try:
            runner.run(made.run())
        except BaseException as error:
            error.add_note(f"seed {seed}, {options}; at last: {made.trace[-25:]}")
            raise
    return made
