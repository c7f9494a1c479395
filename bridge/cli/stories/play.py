"""Plays one story: the real pipeline and store, on a clock that jumps from one moment of work to the next."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace
from pydantic import SecretStr

from bridge.bootstrap import Services, build_channels, open_services
from bridge.channels.http import Shared
from bridge.cli.stories.happened import Happened, happened
from bridge.cli.stories.plot import FURTHEST, Arriving, Story
from bridge.cli.stories.stage import Staged, VirtualClock
from bridge.config.catalogue import catalogue_of
from bridge.config.load import Loaded
from bridge.logs import Log
from bridge.pipeline.engine import Engine
from bridge.pipeline.ingest import Ingest
from bridge.store import details, views
from bridge.store.database import Connection
from bridge.store.details import EventDetails
from bridge.store.views import DeliveryFilter, EventFilter

EVERYTHING = 1_000_000
"""More rows than one story makes."""


class Played(Struct, frozen=True):
    """What a story led to: messages since its beginning, events in order; `passed` is how long it took there.

    `refused` are the requests that led to no event, in words.
    """

    services: Services
    happened: tuple[Happened, ...]
    events: tuple[EventDetails, ...]
    passed: timedelta
    refused: tuple[str, ...]


@asynccontextmanager
async def played(story: Story, loaded: Loaded, store: Path, log: Log) -> AsyncIterator[Played]:
    """Play a story to its end in a fresh store, which is open as long as what happened is looked at."""
    first = min((each.at for each in story.arriving), default=story.begins)
    clock = VirtualClock(min(first, story.begins))
    async with open_services(_own(loaded, story, store), log=log, clock=clock) as services:
        refused = await _Run(story, loaded, services, clock).to_the_end()
        deliveries, events = await services.database.read(_everything)
        last = clock.now()
        yield Played(
            services,
            tuple(happened(deliveries, story.begins)),
            tuple(events),
            last - story.begins,
            (*refused, *_unread(events)),
        )


class _Run:
    """One run through a story."""

    def __init__(self, story: Story, loaded: Loaded, services: Services, clock: VirtualClock) -> None:
        node = replace(services.node, chance=lambda: 0.0)  # times are exact
        self._clock = clock
        self._waiting = list(story.arriving)
        self._end = story.begins + FURTHEST
        self._engine = Engine(
            node,
            sources=services.sources,
            rules=loaded.rules,
            channels=_staged(story, loaded, clock),
            deliver_tests=loaded.config.deliver_tests,
            rulebook=services.rulebook,
        )
        self._ingest = Ingest(node, services.sources, self._engine.inlet)

    async def to_the_end(self) -> list[str]:
        """Go from one moment of work to the next until nothing is left to do; returns who was refused."""
        refused: list[str] = []
        while (moment := await self._next()) is not None:
            self._clock.move_to(moment)
            while self._waiting and self._waiting[0].at <= moment:
                refused += await self._receive(self._waiting.pop(0))
            await self._engine.drain()
        return refused

    async def _next(self) -> datetime | None:
        """Return when something comes or is due; None at the end, or further away than a story goes."""
        arriving = [each.at for each in self._waiting[:1]]
        due = await self._engine.next_at()
        moment = min([*arriving, *([due] if due else [])], default=None)
        return moment if moment is None or moment <= self._end else None

    async def _receive(self, arriving: Arriving) -> list[str]:
        answer = await self._ingest.receive(arriving.source, arriving.headers, arriving.body)
        return (
            [] if answer.status == 200 else [f"a request was answered {answer.status}: {dict(answer.body)}"]
        )


def _own(loaded: Loaded, story: Story, store: Path) -> Loaded:
    """Return the configuration with the story's own store and courses."""
    own: dict[str, object] = {"store": SecretStr(f"sqlite:///{store}")}
    if story.courses is not None:
        own["courses"] = story.courses
    config = loaded.config.model_copy(update=own)
    return dataclasses.replace(loaded, config=config, catalogue=catalogue_of(config))


def _staged(story: Story, loaded: Loaded, clock: VirtualClock) -> dict[str, Staged]:
    real = build_channels(loaded, Shared(clock, "bridge"))
    return {
        name: Staged(channel, clock, [each for each in story.spells if each.channel == name])
        for name, channel in real.items()
    }


def _everything(connection: Connection) -> tuple[list[details.DeliveryDetails], list[EventDetails]]:
    rows = views.list_deliveries(connection, DeliveryFilter(limit=EVERYTHING))
    shown = [details.show_delivery(connection, row.id) for row in reversed(rows)]
    listed = views.list_events(connection, EventFilter(limit=EVERYTHING))
    events = [details.show_event(connection, row.seq) for row in reversed(listed)]
    return (
        [each for each in shown if isinstance(each, details.DeliveryDetails)],
        [each for each in events if isinstance(each, EventDetails)],
    )


def _unread(events: Sequence[EventDetails]) -> list[str]:
    """Say of each request that led to no event why."""
    return [
        f"event {each.row.seq} is none for source '{each.row.source}': {each.row.why or 'it has no type'}"
        for each in events
        if each.row.state == "parked" or each.row.type is None
    ]
