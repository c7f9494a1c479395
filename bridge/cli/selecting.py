"""What the filters of the two lists select, read from the store page by page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, tzinfo
from typing import Protocol, TypeVar

from bridge.bootstrap import Services
from bridge.cli.filters import Claims, Deliveries, Events, Suppressions
from bridge.config.loaded import Loaded
from bridge.core import trouble
from bridge.core.outcomes import State
from bridge.core.problems import did_you_mean
from bridge.core.rules import OWNER_RULE
from bridge.store import views
from bridge.store.database import Connection
from bridge.store.views import DeliveryFilter, DeliveryRow, EventFilter, EventRow

PAGE = 1000


class Row(Protocol):
    """A row of either list."""

    @property
    def seq(self) -> int:
        """Its number, in the order of making."""
        ...


R = TypeVar("R", bound=Row)
S = TypeVar("S")
Page = Callable[[int, int | None], Awaitable[list[R]]]
"""Reads one page of a list: at most so many rows, before the row with that number."""


def event_pages(services: Services, wanted: Events, zone: tzinfo) -> list[Page[EventRow]]:
    """Return the lists that together hold the events wanted: one per state, or one for all."""
    since, until = span_of(wanted, services.clock.now(), zone)

    def read(connection: Connection, state: str | None, limit: int, before: int | None) -> list[EventRow]:
        asked = EventFilter(
            state=state,
            type=wanted.type,
            source=wanted.source,
            learner=wanted.learner,
            since=since,
            until=until,
            limit=limit,
            before=before,
        )
        return views.list_events(connection, asked)

    return _pages(services, wanted.states, read)


def delivery_pages(
    services: Services, wanted: Deliveries, zone: tzinfo, usual: Sequence[State] = ()
) -> list[Page[DeliveryRow]]:
    """Return the lists that together hold the deliveries wanted, of the `usual` states if none was typed."""
    since, until = span_of(wanted, services.clock.now(), zone)

    def read(
        connection: Connection, state: State | None, limit: int, before: int | None
    ) -> list[DeliveryRow]:
        asked = DeliveryFilter(
            state=state,
            type=wanted.type,
            rule=wanted.rule,
            channel=wanted.channel,
            learner=wanted.learner,
            since=since,
            until=until,
            limit=limit,
            before=before,
        )
        return views.list_deliveries(connection, asked)

    return _pages(services, wanted.states or tuple(usual), read)


def _pages(
    services: Services,
    states: Sequence[S],
    read: Callable[[Connection, S | None, int, int | None], list[R]],
) -> list[Page[R]]:
    def page_of(state: S | None) -> Page[R]:
        async def page(limit: int, before: int | None) -> list[R]:
            return await services.database.read(lambda connection: read(connection, state, limit, before))

        return page

    return [page_of(state) for state in states or (None,)]


def span_of(
    wanted: Events | Deliveries | Claims | Suppressions, now: datetime, zone: tzinfo
) -> tuple[datetime | None, datetime | None]:
    """Return the aware UTC times since when and until when rows are wanted."""
    since = wanted.since.resolve(now, zone) if wanted.since else None
    return since, wanted.until.resolve(now, zone) if wanted.until else None


def nothing(what: str, wanted: Events | Deliveries | Claims, loaded: Loaded) -> str:
    """Return that no such row matches, and which name of the filters the configuration does not have."""
    known = {
        "rule": [OWNER_RULE, *(name for rule in loaded.rules for name in (rule.name, *rule.was))],
        "channel": loaded.config.channels,
        "source": [*loaded.config.sources, trouble.SOURCE],
    }
    strange = [
        f"; there is no {word} '{name}' in the configuration{did_you_mean(name, names)}"
        for word, names in known.items()
        if (name := getattr(wanted, word, None)) and name not in names
    ]
    return f"no {what} matches{''.join(strange)}"


async def newest(pages: Sequence[Page[R]], limit: int) -> list[R]:
    """Return the newest rows of several lists, newest first."""
    rows = [row for page in pages for row in await page(limit, None)]
    return sorted(rows, key=lambda row: row.seq, reverse=True)[:limit]


async def everything(pages: Sequence[Page[R]]) -> list[R]:
    """Return all rows of several lists, the oldest first: the order in which things happened."""
    found: list[R] = []
    for page in pages:
        rows = await page(PAGE, None)
        found += rows
        while len(rows) == PAGE:
            rows = await page(PAGE, rows[-1].seq)
            found += rows
    return sorted(found, key=lambda row: row.seq)
