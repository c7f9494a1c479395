"""Destinations that answer when they are told to, whatever a seed has them say, and the clock beside them."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, cast

from bridge.channels.base import ChannelPolicy, Limit, Unencodable
from bridge.core.messages import Message, Payload
from bridge.core.outcomes import Delivered, Outcome, Partly, Reason, Rejected, Retry
from bridge.pipeline.engine import Engine
from tests.faults.turns import Clock

Word = str
"""What a destination does with a message: `ok`, `error`, `limited`, `refused`, `gone`, `partly`, `hangs`."""
GOOD: Mapping[Word, float] = {"ok": 1}
MIXED: Mapping[Word, float] = {"ok": 8, "error": 1, "limited": 0.3, "refused": 0.6, "partly": 0.6}
BAD: Mapping[Word, float] = {"ok": 1, "error": 6, "limited": 1, "refused": 2, "gone": 0.3, "hangs": 0.4}
MOODS = (GOOD, GOOD, MIXED, MIXED, BAD)
SWITCH_S = 15.0


@dataclass
class Options:
    """How much there is of everything, and how often: a chance at each step, or at each commit."""

    events: int = 15
    bursts: Sequence[int] = (1, 1, 1, 2, 2, 5, 12)
    learners: int = 3
    epochs: int = 2
    trouble: float = 0.0
    doubt: float = 0.0
    acts: float = 0.0
    exchanges: float = 0.0
    time: float = 0.0
    stands_still: float = 0.0
    unencodable: float = 0.0
    raising: float = 0.0
    queue_limit: int = 10_000
    batch_limit: int = 256


def drawn(chance: random.Random) -> Options:
    """Draw what happens."""
    made = Options(chance.choice((2, 6, 15)), learners=chance.choice((1, 3, 50)))
    made.epochs = chance.choice((1, 2, 4))
    if chance.random() < 0.15:
        made.bursts, made.events, made.learners = (1, 60), min(made.events, 6), 200
    for name, share, often in (
        ("trouble", 0.4, (0.02, 0.2)),
        ("doubt", 0.3, (0.02, 0.1)),
        ("acts", 0.4, (0.03, 0.15)),
        ("exchanges", 0.3, (0.01, 0.05)),
        ("time", 0.5, (0.02, 0.2)),
        ("stands_still", 0.2, (0.03,)),
        ("unencodable", 0.15, (0.2,)),
        ("raising", 0.1, (0.1,)),
        ("queue_limit", 0.1, (3,)),
        ("batch_limit", 0.2, (2,)),
    ):
        if chance.random() < share:
            setattr(made, name, chance.choice(cast("Sequence[float]", often)))
    return made


@dataclass(eq=False)
class Sent:
    """A message at a destination's door, and how to answer it."""

    id: str
    channel: str
    payload: Payload
    engine: int
    answer: Callable[[Outcome], None]
    hangs: bool = False


@dataclass
class World:
    """The destinations and the clock that all processes share."""

    chance: random.Random
    options: Options
    came: Callable[[str], None]
    """What is called with a delivery's id when its message arrives."""
    clock: Clock = field(default_factory=Clock)
    mood: Mapping[Word, float] = field(default_factory=lambda: GOOD)
    under_way: list[Sent] = field(default_factory=list)
    accepted: Counter[str] = field(default_factory=Counter)
    may_repeat: set[str] = field(default_factory=set)
    """Deliveries of which a destination may get the message again, for a reason that has a name."""
    engines: list[Engine] = field(default_factory=list)

    def word(self) -> Word:
        """Draw what a destination does."""
        return self.chance.choices(list(self.mood), list(self.mood.values()))[0]

    def arrive(self, sent: Sent, *, may_hang: bool) -> None:
        """Take a message in, to be answered later."""
        self.came(sent.id)
        sent.hangs = may_hang and self.word() == "hangs"
        self.under_way.append(sent)

    def reply(self) -> None:
        """Answer one of those who wait."""
        sent = self.chance.choice([each for each in self.under_way if not each.hangs])
        self.under_way.remove(sent)
        outcome = _outcome(self.word(), sent, self.chance)
        flights = self.engines[sent.engine]._outlets[sent.channel]._deliverer._flights
        if flights is not None and flights.abandoned:
            self.may_repeat.add(sent.id)
        sent.answer(outcome)

    def accept(self, id_: str, outcome: Outcome) -> None:
        """Note that a message was taken."""
        if isinstance(outcome, Delivered):
            self.accepted[id_] += 1


def _outcome(word: Word, sent: Sent, chance: random.Random) -> Outcome:
    match word:
        case "error":
            return Retry(Reason.SERVER, 500)
        case "limited":
            return Retry(Reason.RATE_LIMITED, 429, after=timedelta(seconds=chance.choice((1, 20))))
        case "refused":
            return Rejected(Reason.CLIENT, 400)
        case "gone":
            return Rejected(Reason.CLIENT, 410, gone=True)
        case "partly" if len(sent.payload.recipients) > 1:
            first, *others = sent.payload.recipients
            return Retry(Reason.SERVER, 451, partly=Partly((first,), tuple(others)))
        case _:
            return Delivered(200, reference=f"ts-{sent.id[-6:]}", anchor=f"a-{sent.id[-6:]}")


class Target:
    """A channel whose destination answers when it is told to."""

    limits: ClassVar[tuple[Limit, ...]] = ()

    def __init__(self, name: str, policy: ChannelPolicy, world: World) -> None:
        self.name = name
        self.policy = policy
        self._world = world
        self._engine = len(world.engines)

    def encode(self, message: Message, settings: Mapping[str, object]) -> Payload:
        if self._world.chance.random() < self._world.options.unencodable:
            raise Unencodable("there is no recipient")
        fields = {key: str(value) for key, value in message.fields.items()}
        people = [value for key, value in fields.items() if key.startswith("to.")]
        return Payload(body=json.dumps(fields).encode(), meta={"recipients": people} if people else {})

    async def send(self, payload: Payload, delivery_id: str) -> Outcome:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def answer(outcome: Outcome) -> None:
            if not future.done():
                self._world.accept(delivery_id, outcome)
                future.set_result(outcome)

        sent = Sent(delivery_id, self.name, payload, self._engine, answer)
        self._world.arrive(sent, may_hang=True)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():  # taken in the very moment in which it is late
                self._world.may_repeat.add(delivery_id)
            raise
        finally:
            if sent in self._world.under_way:
                self._world.under_way.remove(sent)

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""


class PromptTarget(Target):
    """One that mostly takes messages without a task; at times its connection is gone, or it is mistaken."""

    def send_at_once(self, payload: Payload, delivery_id: str, told: Callable[[Any], None]) -> bool:
        drawn = self._world.chance.random()
        if drawn < 0.2:
            return False
        if drawn < 0.23:
            self._world.came(delivery_id)
            told(Retry(Reason.CONNECTION))
            return True

        def answer(outcome: Outcome) -> None:
            if self._world.chance.random() < self._world.options.raising:
                told(None)
                return
            self._world.accept(delivery_id, outcome)
            told(outcome)

        sent = Sent(delivery_id, self.name, payload, self._engine, answer)
        self._world.arrive(sent, may_hang=False)
        return True

    def outcome(self, came: Outcome | None) -> Outcome:
        if came is None:
            raise ValueError("a mistake of ours")
        return came
