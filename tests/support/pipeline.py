"""The pipeline with everything real but the destinations and the clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from pydantic import SecretStr

from bridge.channels.base import ChannelPolicy, Limit, Unencodable
from bridge.core.backoff import RetryPolicy
from bridge.core.conditions import NOTHING, compile_when
from bridge.core.events import Facts
from bridge.core.messages import Message, Payload, RenderFailure
from bridge.core.outcomes import Delivered, Outcome
from bridge.core.rules import Action, Predicate, Rule
from bridge.pipeline.engine import Engine
from bridge.pipeline.explaining import Explainer
from bridge.pipeline.ingest import Ingest
from bridge.pipeline.inlet import Inlet
from bridge.pipeline.node import Node
from bridge.pipeline.operate import Operator
from bridge.pipeline.rulebook import Rulebook
from bridge.pipeline.settling import Entries, Found, Way, accept_all
from bridge.pipeline.trouble import NOBODY, Owner
from bridge.sources.base import Source
from bridge.sources.eduzz import EduzzOptions, EduzzSource
from bridge.sources.own import OwnSource
from bridge.store.database import Connection, Database
from bridge.store.entries import Entry
from tests.support.clock import FakeClock

SECRET = "a-secret-for-tests"


@dataclass
class Line:
    """One line that was logged."""

    level: str
    event: str
    fields: Mapping[str, object]


class RecordingLog:
    """A `Log` that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def _keep(self, level: str) -> Callable[..., None]:
        return lambda event, **fields: self.lines.append(Line(level, event, fields))

    def debug(self, event: str, **fields: object) -> None:
        self._keep("debug")(event, **fields)

    def info(self, event: str, **fields: object) -> None:
        self._keep("info")(event, **fields)

    def warning(self, event: str, **fields: object) -> None:
        self._keep("warning")(event, **fields)

    def error(self, event: str, **fields: object) -> None:
        self._keep("error")(event, **fields)

    def exception(self, event: str, **fields: object) -> None:
        self._keep("exception")(event, **fields)

    def events(self, level: str) -> list[str]:
        return [line.event for line in self.lines if line.level == level]


async def until(holds: Callable[[], object]) -> None:
    """Return once it holds; what runs on threads and sockets cannot be told to hurry."""
    for _ in range(10_000):
        if holds():
            return
        await asyncio.sleep(0.001)
    raise TimeoutError


async def _nothing() -> None:
    """Do nothing."""


class ScriptedChannel:
    """A channel that answers from a script, then always delivers, and keeps what it was given."""

    limits: ClassVar[tuple[Limit, ...]] = ()

    def __init__(
        self, name: str, *outcomes: Outcome, retry: RetryPolicy | None = None, hands: int = 4
    ) -> None:
        self.name = name
        self.policy = ChannelPolicy(retry or RetryPolicy(jitter=0), timedelta(seconds=10), hands)
        self.script = list(outcomes)
        self.sent: list[tuple[str, bytes]] = []
        self.before_answer: Callable[[], Awaitable[object]] = _nothing

    def encode(self, message: Message, settings: Mapping[str, object]) -> Payload:
        if message.fields.get("to") == "":
            raise Unencodable("there is no recipient")
        return Payload(body=json.dumps({**message.fields, "at": message.at.isoformat()}).encode())

    async def send(self, payload: Payload, delivery_id: str) -> Outcome:
        self.sent.append((delivery_id, payload.body))
        await self.before_answer()
        return self.script.pop(0) if self.script else Delivered(200)

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    @property
    def texts(self) -> list[str]:
        return [json.loads(body)["text"] for _, body in self.sent]


@dataclass
class Says:
    """Content that names the event, or fails as a template does."""

    failure: RenderFailure | None = None
    to: str = "x"

    def render(self, facts: Facts) -> Mapping[str, object] | RenderFailure:
        return self.failure or {"text": f"{facts['kind']} {facts['id']}", "to": self.to}


@dataclass(frozen=True)
class Compiled:
    """An `if:` that is true when its text ends so."""

    source: str
    paths: tuple[str, ...] = ()

    def holds(self, facts: Facts) -> bool:
        return self.source.endswith("true")


def action(
    rule: str,
    channel: str,
    content: Says | None = None,
    *,
    once_per: Sequence[str] = (),
    expires: timedelta | None = None,
) -> Action:
    return Action(
        rule=rule,
        name=f"test:{channel}",
        channel=channel,
        content=content or Says(),
        once_per=tuple(once_per),
        expires=expires,
    )


def rule(
    name: str,
    *actions: Action,
    on: str = "module.completed",
    when: object = None,
    condition: Predicate | None = None,
) -> Rule:
    compiled = NOTHING if when is None else compile_when(when, ())[0]
    return Rule(name=name, on=(on,), when=compiled, condition=condition, actions=actions)


def completion(event_id: str = "e1", **changes: object) -> dict[str, object]:
    """Return a completed module as Nutror sends it; `changes` replace members of `data`."""
    data: dict[str, object] = {
        "producer": {"name": "Rui Prado", "email": "rui@escola.example"},
        "learner": {"name": "Maria Aparecida", "email": "maria@aluna.example"},
        "course": {"hash": "c" * 40, "title": "Python Básico"},
        "module": {"id": "3253", "title": "Funções"},
        "lesson": {"id": "3866", "title": "Retorno"},
        "createdAt": "2026-05-04T11:59:58Z",
    }
    return {
        "id": event_id,
        "event": "nutror.module_completed",
        "data": data | changes,
        "sentDate": "2026-05-04T11:59:59.000Z",
    }


@dataclass
class Pipeline:
    """Ingest and engine over one database, rebuilt at will as a restart would."""

    database: Database
    rules: Sequence[Rule]
    channels: Mapping[str, ScriptedChannel]
    clock: FakeClock = field(default_factory=FakeClock)
    log: RecordingLog = field(default_factory=RecordingLog)
    deliver_tests: bool = False
    owner: Owner = NOBODY
    hide: Callable[[str], str] | None = None
    """With it, the rules are kept for explanations, less what it hides."""
    name: str = "node-1"
    of_node: Mapping[str, Any] = field(default_factory=dict)
    """What else the node is given: `alone`, `reached`."""

    def __post_init__(self) -> None:
        secret = EduzzOptions(type="eduzz", secrets=(SecretStr(SECRET),))
        self.source = EduzzSource("eduzz", secret)
        self.node = Node(self.name, self.database, self.clock, lambda: 0.0, self.log, **self.of_node)
        sources: dict[str, Source] = {"eduzz": self.source, OwnSource.name: OwnSource()}
        self.rulebook = Rulebook(self.node, self.rules, UTC, self.hide or str)
        self.explainer = Explainer(self.node, sources, self.rules, self.rulebook, Compiled, self.hide or str)
        self.engine = Engine(
            self.node,
            sources=sources,
            rules=self.rules,
            channels=self.channels,
            deliver_tests=self.deliver_tests,
            rulebook=self.rulebook if self.hide else None,
            owner=self.owner,
        )
        alarm = self.engine.alarm
        self.ingest = Ingest(
            self.node, {"eduzz": self.source}, self.engine.inlet, alarm.refused, alarm.unstored
        )
        self.operator = Operator(self.node, self.engine.wake)

    def restarted(self, **changes: object) -> Pipeline:
        """Return the same pipeline as a new process would build it."""
        return replace(self, **{"name": f"{self.name}+", **changes})  # type: ignore[arg-type]

    async def receive(self, *events: Mapping[str, object] | bytes) -> list[int]:
        """Post signed events and return the answers' statuses."""
        return [await self._post(event) for event in events]

    async def run(self, *events: Mapping[str, object] | bytes) -> None:
        """Post events and do everything that is due."""
        await self.receive(*events)
        await self.engine.drain()

    async def _post(self, event: Mapping[str, object] | bytes) -> int:
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        answer = await self.ingest.receive("eduzz", self.source.outgoing_headers(body), body)
        return answer.status


class Unattended:
    """The intake of a process that dispatches nothing: every entry waits in the store."""

    async def settled(self) -> None:
        """Return at once."""

    def ways(self, entries: Sequence[Entry], now: datetime | None) -> list[None]:
        """Return nothing for each."""
        return [None] * len(entries)

    def accept(self, connection: Connection, entries: Entries) -> list[Found]:
        """Store them."""
        return accept_all(connection, entries, b"")

    def hand_on(self, entries: Entries, found: Sequence[Found] | BaseException) -> None:
        """Do nothing: there is nobody to dispatch them."""


def undecided(inlet: Inlet) -> None:
    """Have an inlet decide nothing before an entry is stored."""
    ways = inlet.ways

    def none(entries: Sequence[Entry], now: datetime | None) -> Sequence[Way]:
        return ways(entries, None)

    inlet.ways = none  # type: ignore[method-assign]


def channels(*scripted: ScriptedChannel) -> dict[str, ScriptedChannel]:
    return {channel.name: channel for channel in scripted}


def database_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'bridge.db'}"


def texts(lines: Iterable[Line]) -> list[str]:
    return [line.event for line in lines]
