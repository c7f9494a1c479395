"""The rules in words, what came of each lately, and what becomes of what paused ones keep: a page, an API."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import web
from msgspec import Struct

from bridge.core.halts import RuleState
from bridge.core.outcomes import State
from bridge.core.rules import OWNER_RULE
from bridge.pipeline.told import Told
from bridge.store import halts, views
from bridge.web.answers import FRESH, answer
from bridge.web.api import told_answer
from bridge.web.desk import Desk
from bridge.web.forms import NAME, PAUSED_BY, after
from bridge.web.overview import RECENT, STUCK, WAITING
from bridge.web.render import Pages
from bridge.web.standing import halt_plain

_NOTICES = {
    "pause": "The rule is paused. What it makes is kept, until you decide.",
    "resume": "The rule works again, and what was kept goes out.",
    "discard": "The rule works again, and what was kept is given up.",
}


class RuleLine(Struct, frozen=True, kw_only=True):
    """One rule, where it stands, and its deliveries of the last day."""

    state: RuleState
    deliveries: Mapping[State, int]

    @property
    def name(self) -> str:
        """The rule's name."""
        return self.state.rule

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
        acts = "{act:pause|resume|discard}"
        return [
            web.get("/rules", self._page),
            web.post(f"/rules/{NAME}/{acts}", self._post),
            web.get("/api/rules", self._plain),
            web.post(f"/api/rules/{NAME}/{acts}", self._api_post),
        ]

    async def _page(self, request: web.Request, *, problem: str = "") -> web.Response:
        lines = await self._lines()
        return await asyncio.to_thread(
            lambda: self._pages.page(
                "rules.html",
                status=409 if problem else 200,
                rules=lines,
                owner=OWNER_RULE,
                problem=problem,
                notice=_NOTICES.get(request.query.get("done", ""), ""),
            )
        )

    async def _post(self, request: web.Request) -> web.StreamResponse:
        told, done = await self._act(request), request.match_info["act"]
        return await after(told, "/rules", done, lambda why: self._page(request, problem=why))

    async def _api_post(self, request: web.Request) -> web.Response:
        return told_answer(await self._act(request))

    async def _act(self, request: web.Request) -> Told:
        name, operator = request.match_info["name"], self._desk.operator
        known = await self._desk.store.read(lambda c: halts.states(c, self._desk.rules))
        if name not in known:
            raise web.HTTPNotFound
        match request.match_info["act"]:
            case "pause":
                return await operator.pause_rule(name, PAUSED_BY)
            case "resume":
                return await operator.resume_rule(name)
            case _:
                return await operator.discard_rule(name)

    async def _plain(self, _: web.Request) -> web.Response:
        lines = await self._lines()
        rules = await asyncio.to_thread(lambda: [self._rule(line) for line in lines])
        return answer(200, {"rules": rules}, FRESH)

    def _rule(self, line: RuleLine) -> dict[str, object]:
        sentences = self._desk.sentences
        return {
            **halt_plain(line.state),
            "sentence": sentences.get(line.name),
            "deliveries_24h": {str(state): count for state, count in line.deliveries.items()},
        }

    async def _lines(self) -> list[RuleLine]:
        """Return the configured rules in their order, then those that only deliveries know."""
        since = self._desk.clock.now() - RECENT
        counts, states = await self._desk.store.read(
            lambda c: (views.count_by_rule(c, since=since), halts.states(c, self._desk.rules))
        )
        names = [*self._desk.rules, *sorted((counts.keys() | states.keys()) - set(self._desk.rules))]
        return [
            RuleLine(state=states.get(name, RuleState(rule=name)), deliveries=counts.get(name, {}))
            for name in names
        ]
