"""Who gets no messages: a page to look at and change the list, and the same as JSON."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from bridge.core.suppressions import Scope, Source
from bridge.pipeline.told import Told
from bridge.store import suppressions
from bridge.store.suppressions import SuppressionFilter, SuppressionRow
from bridge.web.answers import refusal
from bridge.web.api import page_answer, told_answer
from bridge.web.desk import Desk
from bridge.web.filters import Query
from bridge.web.forms import after, reason_of, said_in
from bridge.web.render import Pages

GETS: Mapping[Scope, str] = {Scope.EVERYTHING: "messages at all", Scope.OPTIONAL: "nudges and marketing"}
"""What somebody does not get, in words."""
HEADINGS = ("email", "e-mail", "address", "mail", "endereço", "correo")
"""The headings under which a table has addresses."""
_NOTICES = {"add": "The address gets no messages from now on.", "remove": "The address is off the list."}


class Suppressions:
    """Handlers of `/suppressions` and `/api/suppressions`."""

    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/suppressions", self._page),
            web.post("/suppressions/{act:add|remove}", self._post),
            web.get("/api/suppressions", self._list),
            web.post("/api/suppressions/{act:add|remove}", self._api_post),
        ]

    async def _page(self, request: web.Request, *, problem: str = "") -> web.Response:
        done = request.query.get("done", "")
        given = {name: value for name, value in request.query.items() if name != "done"}
        query = Query({} if problem else given, self._desk.clock.now(), self._desk.zone)
        wanted = self._wanted(query)
        rows = [] if query.problems else await self._rows(wanted)
        return self._pages.page(
            "suppressions.html",
            status=409 if problem else 400 if query.problems else 200,
            query=query,
            page=query.page(rows),
            path="/suppressions",
            sources=tuple(Source),
            scopes=tuple(Scope),
            gets=GETS,
            problem=problem,
            notice=_NOTICES.get(done, ""),
        )

    async def _post(self, request: web.Request) -> web.StreamResponse:
        told, done = await self._act(request), request.match_info["act"]
        return await after(told, "/suppressions", done, lambda why: self._page(request, problem=why))

    async def _list(self, request: web.Request) -> web.Response:
        query = Query(dict(request.query), self._desk.clock.now(), self._desk.zone)
        wanted = self._wanted(query)
        if query.problems:
            return refusal(400, "; ".join(query.problems))
        page = query.page(await self._rows(wanted))
        return page_answer(
            request, "suppressions", [suppression_plain(row) for row in page.rows], page.before
        )

    async def _api_post(self, request: web.Request) -> web.Response:
        return told_answer(await self._act(request))

    async def _rows(self, wanted: SuppressionFilter) -> list[SuppressionRow]:
        return await self._desk.store.read(lambda c: suppressions.list_suppressions(c, wanted))

    def _wanted(self, query: Query) -> SuppressionFilter:
        return query.suppressions(self._desk.suppressor.key if self._desk.suppressor else None)

    async def _act(self, request: web.Request) -> Told:
        suppressor = self._desk.suppressor
        if suppressor is None:
            raise web.HTTPNotFound
        said = {**request.query, **await said_in(request)}  # a script says it in the query
        address = said.get("address", "").strip()[:400]
        if request.match_info["act"] == "remove":
            source = said.get("source", "")
            return await suppressor.remove(address, Source(source) if source in tuple(Source) else None)
        scope = Scope.OPTIONAL if said.get("scope") == Scope.OPTIONAL else Scope.EVERYTHING
        return await suppressor.add(address, reason_of(said), scope)


def suppression_plain(row: SuppressionRow) -> dict[str, object]:
    """Return a suppression as plain JSON types."""
    found = row.suppression
    return {
        "number": row.seq,
        "address": found.address,
        "source": str(found.source),
        "scope": str(found.scope),
        "at": found.at,
        "why": found.why,
        "delivery": found.delivery,
    }
