"""Every word that has a memory or a clock, as a small play whose messages are known, whatever goes wrong.

A play is a rule as people write it, and events on a clock. `Stage` is a process that plays it over a real
store; how it is given is in `tests.faults.giving`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from bridge.config.load import Broken, Loaded, load
from bridge.core.messages import Payload
from bridge.core.outcomes import Outcome
from tests.faults.world import Mood, Target, World
from tests.support.clock import START
from tests.support.pipeline import SECRET, Pipeline, channels, completion

Span = timedelta
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ENVIRONMENT = {"EDUZZ_SECRET": SECRET}
COURSE, OTHER = "c" * 40, "d" * 40
HEAD = """
timezone: UTC
locale: en
store: sqlite:///unused.db
sources:
  eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }
courses:
  python: { id: %(course)s, title: Python, modules: ["1", "2", "3"] }
channels:
  wins: { type: webhook, url: https://wins.example/ }
  crm: { type: webhook, url: https://crm.example/ }
rules:
"""


@dataclass(frozen=True)
class Comes:
    """An event that comes so long after noon; what it is about, and how long before that it happened."""

    after: Span
    module: str = "1"
    learner: str = "maria"
    type: str = "nutror.module_completed"
    late: Span = timedelta()

    def body(self, number: int) -> dict[str, object]:
        """Return it as Nutror sends it."""
        happened = START + self.after - self.late
        made = completion(
            f"e{number}",
            learner={"name": self.learner.title(), "email": f"{self.learner}@aluna.example"},
            course={"hash": COURSE, "title": "Python"},
            module={"id": self.module, "title": f"Module {self.module}"},
            createdAt=happened.isoformat().replace("+00:00", "Z"),
        )
        return {**made, "event": self.type}


@dataclass(frozen=True)
class Play:
    """One word at work: its rules in YAML, what comes, and what arrives: how long after noon, which text.

    `moods` are those of the destinations; `until` is how long it is watched. Events of a course that is
    `listed` in the catalogue ask the store before the rules see them.
    """

    word: str
    rules: str
    comes: tuple[Comes, ...]
    arrives: tuple[tuple[Span, str], ...]
    until: Span = 40 * DAY
    moods: Mapping[str, Mood] = field(default_factory=dict)
    listed: bool = False

    def load(self, folder: Path) -> Loaded:
        """Return it as a loaded configuration."""
        path = folder / "config.yaml"
        path.write_text(HEAD % {"course": (COURSE if self.listed else OTHER)} + self.rules, "utf-8")
        loaded = load(path, ENVIRONMENT)
        assert not isinstance(loaded, Broken), [str(each) for each in loaded.problems]
        return loaded


@dataclass(frozen=True)
class Came:
    """A message that a destination took, and when."""

    at: datetime
    id: str
    text: str


class Recorder(Target):
    """A destination that also keeps what the messages say."""

    def __init__(self, name: str, stage: Stage) -> None:
        super().__init__(name, stage._arrive)
        self._stage = stage

    async def send(self, payload: Payload, delivery_id: str) -> Outcome:
        outcome = await super().send(payload, delivery_id)
        if self._stage.sent[-1].delivered:
            said = json.loads(payload.body)["json"]["text"]
            self._stage.came.append(Came(self._stage.clock.now(), delivery_id, said))
        return outcome


@dataclass
class Stage(World):
    """A world in which one play is given; several over one store are nodes that share the work."""

    loaded: Loaded | None = None
    came: list[Came] = field(default_factory=list)
    at_once: bool = False
    """Whether events go the short way of a bridge whose loops run: decided before they are stored."""

    @classmethod
    async def opened(
        cls, url: str, loaded: Loaded, beside: Stage | None = None, *, at_once: bool = False
    ) -> Stage:
        """Make a node, alone or beside another one on the same store, clock and destinations."""
        made = cls(url, loaded=loaded, at_once=at_once)
        if beside is not None:
            made.clock, made.sent, made.came = beside.clock, beside.sent, beside.came
            made.life = 100
        await made._live()
        return made

    async def revive(self) -> None:
        """Start the process again if it has ended."""
        if self.dead:
            await self.restart(self.rules, kill=True)

    async def take(self, *bodies: Mapping[str, object]) -> None:
        """Post events at once until all are answered 200, as a platform does."""
        while not all(await self.post_bodies(*bodies)):
            await self.revive()
        await self.revive()

    async def work(self) -> None:
        """Do what is due, in as many lives as it takes."""
        while not await self.settle():
            await self.revive()

    async def next_at(self) -> datetime | None:
        """Return when there is something to do again."""
        return await self.pipeline.engine.next_at()

    def _pipeline(self) -> Pipeline:
        assert self.loaded
        made = Pipeline(
            self.database,
            self.loaded.rules,
            channels(Recorder("wins", self), Recorder("crm", self)),
            clock=self.clock,
            name=f"life-{self.life}",
            of_node={"reached": self._reached, "alone": self.alone, "catalogue": self.loaded.catalogue},
        )
        for worker in made.engine._workers() if self.at_once else ():
            worker._running = True  # its loop itself would race with a clock that stands still
        return made
