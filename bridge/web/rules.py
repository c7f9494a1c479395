"""The rules in words, with what came of each lately: a page, and the same for scripts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from bridge.core.outcomes import State
from bridge.store import views
from bridge.web.answers import FRESH, answer
from bridge.web.desk import Desk
from bridge.web.overview import RECENT, STUCK, WAITING
from bridge.web.render import Pages


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """One rule and its deliveries of the last day."""

    name: str
    deliveries: Mapping[State, int]

    @property
    def delivered(self) -> int:
        """Deliveries that arrived."""
        return self.deliveries.get(State.DELIVERED, 0)

    @property
    def waiting(self) -> int:
        """Deliveries not sent yet."""
        return sum(self.deliveries.get(state, 0) for state in WAITING)

    @property
    def stuck(self) -> int:
        """Deliveries that need a person."""
        return sum(self.deliveries.get(state, 0) for state in STUCK)


class Rules:
    """Handlers of `/rules` and `/api/rules`."""

    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get("/rules", self._page), web.get("/api/rules", self._plain)]

    async def _page(self, _: web.Request) -> web.Response:
        lines = await self._lines()
        return await asyncio.to_thread(lambda: self._pages.page("rules.html", rules=lines))

    async def _plain(self, _: web.Request) -> web.Response:
        lines = await self._lines()
        rules = await asyncio.to_thread(lambda: [self._rule(line) for line in lines])
        return answer(200, {"rules": rules}, FRESH)

    def _rule(self, line: RuleLine) -> dict[str, object]:
        sentences = self._desk.sentences
        return {
            "name": line.name,
            "sentence": sentences.get(line.name),
            "deliveries_24h": {str(state): count for state, count in line.deliveries.items()},
        }

    async def _lines(self) -> list[RuleLine]:
        """Return the configured rules in their order, then those that only deliveries know."""
        since = self._desk.clock.now() - RECENT
        counts = await self._desk.store.read(lambda c: views.count_by_rule(c, since=since))
        names = [*self._desk.rules, *sorted(counts.keys() - set(self._desk.rules))]
        return [RuleLine(name=name, deliveries=counts.get(name, {})) for name in names]
