"""One bridge, stopped at a named point of its work, started again, and its messages counted."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import aiohttp
from pydantic import SecretStr

from bridge.core.outcomes import State
from bridge.pipeline.node import Point
from bridge.sources.eduzz import EduzzOptions, EduzzSource
from bridge.store import views
from bridge.store.database import Database
from bridge.store.views import DeliveryFilter, DeliveryRow, EventFilter
from tests.support.destinations import Arrived, Destination, as_yaml
from tests.support.life import Fate, Life
from tests.support.pipeline import SECRET, completion

LEARNERS = 2
POINTS = tuple(point for point in Point if point is not Point.GATHERED)
"""Those that messages which go out alone come by; `tests.faults.giving` has the others."""
PAST_EVERY_LEASE = timedelta(minutes=10)
PATIENCE_S = 30
SOURCE = EduzzSource("eduzz", EduzzOptions(type="eduzz", secrets=(SecretStr(SECRET),)))


@dataclass(frozen=True)
class Counted:
    """What a case came to; every number but the first two should be 0, and `repeated` may be 1."""

    events: int
    messages: int
    crashed: bool
    lost: int
    repeated: int
    repeated_under_another_id: int
    repeated_though_recorded: int
    more_than_once_per: int


def configuration(
    destination: Destination,
    port: int,
    store: str,
    rules: Sequence[str] = ("each", "once"),
    **channel: object,
) -> str:
    """Return a bridge with one channel, a rule for every event, and one for a learner's first."""
    made: dict[str, dict[str, object]] = {
        "each": {"send": [destination.action("each {{ id }}")]},
        "once": {"once_per": ["learner.email"], "send": [destination.action("once {{ learner.name }}")]},
    }
    return as_yaml(
        {
            "timezone": "America/Sao_Paulo",
            "locale": "pt_BR",
            "store": store,
            "listen": {"public": "127.0.0.1:0", "admin": "127.0.0.1:0"},
            "sources": {"eduzz": {"type": "eduzz", "secrets": ["${EDUZZ_SECRET}"]}},
            "channels": {"out": {**destination.channel(port), **channel}},
            "rules": [{"name": name, "on": "module.completed", **made[name]} for name in rules],
        }
    )


def set_up(folder: Path, text: str) -> None:
    """Write a configuration and the secrets that it names."""
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(text, "utf-8")
    (folder / ".env").write_text(
        f"EDUZZ_SECRET={SECRET}\nSLACK_TOKEN=xoxb-123456789012-abcdefghijklmnop\n", "utf-8"
    )


def event(number: int) -> bytes:
    """Return the body of one completed module, of one of a few learners."""
    learner = f"L{number % LEARNERS}"
    person = {"name": learner, "email": f"{learner.lower()}@aluna.example"}
    return json.dumps(completion(f"e{number}", learner=person)).encode()


async def post(session: aiohttp.ClientSession, url: str, body: bytes) -> int:
    """Post one signed event and return the answer's status, or 0 if none came."""
    headers = SOURCE.outgoing_headers(body)
    try:
        async with session.post(f"{url}/hooks/eduzz", data=body, headers=headers) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0


@dataclass
class Case:
    """A sequence of lives over one store and one destination.

    As a platform does, it posts each event until it is answered 200. With `at_once` 1 it posts one when all
    that follows from the one before is done. It looks into the store from outside, so that it knows which
    messages may be repeated: those whose results were not recorded when the process ended.
    """

    folder: Path
    store: str
    destination: Destination
    events: int = 4
    at_once: int = 1
    recorded: set[str] = field(default_factory=set)
    before: Counter[str] = field(default_factory=Counter)

    async def run(self, fate: Fate) -> Counted:
        """Live one life that ends at `fate`, then one that does not, and count."""
        port = self.destination.port
        text = configuration(self.destination, port, self.store, concurrency=min(self.at_once, 4))
        set_up(self.folder, text)
        self.database = await Database.open(self.store)
        try:
            return await self._run(fate)
        finally:
            await self.database.close()

    async def _run(self, fate: Fate) -> Counted:
        life = Life(self.folder, fate)
        crashed = False
        await life.start()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
            for first in range(0, self.events, self.at_once):
                group = set(range(first, min(first + self.at_once, self.events)))
                while not (await _posted(session, life, group) and await self._settled(life)):
                    await self._note_end(life)
                    crashed = True
                    life = Life(self.folder, Fate(ahead=PAST_EVERY_LEASE))
                    assert await life.start(), life.log()
        assert await life.stop() == 0, life.log()
        return await self._counted(crashed=crashed)

    async def _note_end(self, life: Life) -> None:
        """Note what was recorded when the process had ended itself."""
        assert await life.ended() == -9, life.log()
        rows = await self._rows()
        self.recorded = {row.id for row in rows if row.state is State.DELIVERED}
        self.before = Counter(each.text for each in self.destination.arrived())

    async def _settled(self, life: Life) -> bool:
        """Wait until nothing is left to do, and return True, or until the process has ended."""
        async with asyncio.timeout(PATIENCE_S):
            while not await self._idle():
                if life.over:
                    return False
                await asyncio.sleep(0.005)
        return not life.over

    async def _idle(self) -> bool:
        events = await self.database.read(views.count_events)
        counted = await self.database.read(views.count_deliveries)
        states = {state for of_channel in counted.values() for state in of_channel}
        return events.keys() <= {"done"} and states <= {State.DELIVERED}

    async def _rows(self) -> list[DeliveryRow]:
        return await self.database.read(lambda c: views.list_deliveries(c, DeliveryFilter(limit=100_000)))

    async def _counted(self, *, crashed: bool) -> Counted:
        arrived = self.destination.arrived()
        texts = Counter(each.text for each in arrived)
        rows = await self._rows()
        events = await self.database.read(lambda c: views.list_events(c, EventFilter(limit=100_000)))
        says = _texts(rows, {row.seq: row.delivery_key for row in events})
        return Counted(
            events=self.events,
            messages=len(arrived),
            crashed=crashed,
            lost=sum(1 for wanted in self._wanted() if wanted not in texts),
            repeated=texts.total() - len(texts),
            repeated_under_another_id=_identities(arrived) - len(texts),
            repeated_though_recorded=sum(texts[says[id_]] > self.before[says[id_]] for id_ in self.recorded),
            more_than_once_per=sum(1 for row in rows if row.rule == "once") - LEARNERS,
        )

    def _wanted(self) -> Iterator[str]:
        yield from (f"each e{number}" for number in range(self.events))
        yield from (f"once L{number}" for number in range(LEARNERS))


async def _posted(session: aiohttp.ClientSession, life: Life, waiting: set[int]) -> bool:
    """Post what waits, all at once; what was answered 200 waits no longer. Return whether all were."""
    numbers = list(waiting)
    answers = await asyncio.gather(*(post(session, life.url, event(number)) for number in numbers))
    assert set(answers) <= {200, 0}, life.log()
    waiting.difference_update(
        number for number, status in zip(numbers, answers, strict=True) if status == 200
    )
    return not waiting


def _texts(rows: list[DeliveryRow], events: dict[int, str]) -> dict[str, str]:
    """Return by delivery id what its message says."""
    numbers = {row.id: int(events[row.inbox_seq].removeprefix("e")) for row in rows}
    return {
        row.id: f"each e{numbers[row.id]}" if row.rule == "each" else f"once L{numbers[row.id] % LEARNERS}"
        for row in rows
    }


def _identities(arrived: list[Arrived]) -> int:
    return len({(each.text, each.id, each.content) for each in arrived})
