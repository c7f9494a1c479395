"""What the filters of the two lists select, read from the store page by page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, tzinfo
from typing import Protocol, TypeVar

from msgspec import Struct

from bridge.bootstrap import Services
from bridge.cli.span import Moment
from bridge.core.outcomes import State
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
Page = Callable[[int, int | None], Awaitable[list[R]]]
"""Reads one page of a list: at most so many rows, before the row with that number."""


class Events(Struct, frozen=True):
    """The filters of `bridge events`, as they were typed."""

    states: tuple[str, ...] = ()
    type: str | None = None
    source: str | None = None
    learner: str | None = None
    since: Moment | None = None
    until: Moment | None = None

    def pages(self, services: Services, zone: tzinfo) -> list[Page[EventRow]]:
        """Return the lists that together hold what is selected: one per state, or one for all."""
        now = services.clock.now()
        return [self._page(services, state, now, zone) for state in self.states or (None,)]

    def _page(self, services: Services, state: str | None, now: datetime, zone: tzinfo) -> Page[EventRow]:
        async def page(limit: int, before: int | None) -> list[EventRow]:
            wanted = EventFilter(
                state=state,
                type=self.type,
                source=self.source,
                learner=self.learner,
                since=self.since.resolve(now, zone) if self.since else None,
                until=self.until.resolve(now, zone) if self.until else None,
                limit=limit,
                before=before,
            )

            def query(connection: Connection) -> list[EventRow]:
                return views.list_events(connection, wanted)

            return await services.database.read(query)

        return page


class Deliveries(Struct, frozen=True):
    """The filters of `bridge deliveries`, as they were typed."""

    states: tuple[State, ...] = ()
    type: str | None = None
    rule: str | None = None
    channel: str | None = None
    learner: str | None = None
    since: Moment | None = None
    until: Moment | None = None

    def pages(
        self, services: Services, zone: tzinfo, states: Sequence[State] = ()
    ) -> list[Page[DeliveryRow]]:
        """Return the lists that together hold what is selected; `states` are meant when none was typed."""
        now = services.clock.now()
        chosen: Sequence[State | None] = self.states or tuple(states) or (None,)
        return [self._page(services, state, now, zone) for state in chosen]

    def _page(
        self, services: Services, state: State | None, now: datetime, zone: tzinfo
    ) -> Page[DeliveryRow]:
        async def page(limit: int, before: int | None) -> list[DeliveryRow]:
            wanted = DeliveryFilter(
                state=state,
                type=self.type,
                rule=self.rule,
                channel=self.channel,
                learner=self.learner,
                since=self.since.resolve(now, zone) if self.since else None,
                until=self.until.resolve(now, zone) if self.until else None,
                limit=limit,
                before=before,
            )

            def query(connection: Connection) -> list[DeliveryRow]:
                return views.list_deliveries(connection, wanted)

            return await services.database.read(query)

        return page


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
