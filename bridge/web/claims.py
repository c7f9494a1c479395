"""Claims on the admin pages and in the API: what `once_per` has taken, and letting it go."""

from __future__ import annotations

from aiohttp import web

from bridge.pipeline.releasing import MEANING, why_kept
from bridge.store import claims
from bridge.store.claims import CLAIM_STATES, ClaimRow
from bridge.web.answers import refusal
from bridge.web.api import json_answer, page_answer, told_answer
from bridge.web.desk import Desk
from bridge.web.filters import CLAIM_WORDS, Query
from bridge.web.forms import after
from bridge.web.plain import claim_plain
from bridge.web.render import Pages

_RELEASED = f"The claim is free: {MEANING}."


class Claims:
    """Handlers of `/claims` and `/api/claims`."""

    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        one = "{id:[0-9a-f]{32}}"
        return [
            web.get("/claims", self._list),
            web.get(f"/claims/{one}", self._page),
            web.post(f"/claims/{one}/release", self._post),
            web.get("/api/claims", self._api_list),
            web.post("/api/claims/release", self._api_release),
            web.get(f"/api/claims/{one}", self._api_one),
            web.post(f"/api/claims/{one}/release", self._api_post),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        query = self._query(request)
        wanted = query.claims(self._desk.formers)
        rows = [] if query.problems else await self._desk.store.read(lambda c: claims.list_claims(c, wanted))
        return self._pages.page(
            "claims.html",
            status=400 if query.problems else 200,
            query=query,
            page=query.page(rows),
            path=request.path,
            states=CLAIM_STATES,
            desk=self._desk,
        )

    async def _page(self, request: web.Request, *, problem: str = "") -> web.Response:
        row = await self._find(request)
        if row is None:
            sentence = f"There is no claim of delivery {request.match_info['id']}."
            return self._pages.page("problem.html", status=404, title="Not found", sentence=sentence)
        return self._pages.page(
            "claim.html",
            status=409 if problem else 200,
            claim=row,
            kept=why_kept(row) if row.kept else "",
            now_called=self._now_called(row),
            problem=problem,
            notice=_RELEASED if request.query.get("done") == "release" else "",
        )

    async def _post(self, request: web.Request) -> web.StreamResponse:
        delivery_id = request.match_info["id"]
        told = await self._desk.operator.release(delivery_id)
        page = f"/claims/{delivery_id}"
        return await after(told, page, "release", lambda why: self._page(request, problem=why))

    async def _api_list(self, request: web.Request) -> web.Response:
        query = self._query(request)
        wanted = query.claims(self._desk.formers)
        if query.problems:
            return refusal(400, "; ".join(query.problems))
        rows = await self._desk.store.read(lambda c: claims.list_claims(c, wanted))
        page = query.page(rows)
        return page_answer(request, "claims", [claim_plain(row) for row in page.rows], page.before)

    async def _api_one(self, request: web.Request) -> web.Response:
        row = await self._find(request)
        if row is None:
            return refusal(404, f"there is no claim of delivery {request.match_info['id']}")
        return json_answer(claim_plain(row))

    async def _api_post(self, request: web.Request) -> web.Response:
        return told_answer(await self._desk.operator.release(request.match_info["id"]))

    async def _api_release(self, request: web.Request) -> web.Response:
        """Release all that the filters select; without any, a slip would empty the memory of every rule."""
        query = self._query(request)
        wanted = query.claims(self._desk.formers)
        if query.problems:
            return refusal(400, "; ".join(query.problems))
        if not any(query.given.get(word, "").strip() for word in CLAIM_WORDS):
            return refusal(400, f"say which: {', '.join(CLAIM_WORDS)}")
        kept = (await self._desk.store.read(lambda c: claims.count_claims(c, wanted))).kept
        released = await self._desk.operator.release_all(wanted)
        sentence = f"{released} released: {MEANING}; {kept} under way kept theirs"
        return json_answer({"status": "done", "released": released, "kept": kept, "sentence": sentence})

    async def _find(self, request: web.Request) -> ClaimRow | None:
        return await self._desk.store.read(lambda c: claims.find_claim(c, request.match_info["id"]))

    def _now_called(self, row: ClaimRow) -> str:
        """Return what the claim's rule is called now, if that is another name."""
        return next((name for name, formers in self._desk.formers.items() if row.rule in formers), "")

    def _query(self, request: web.Request) -> Query:
        return Query(dict(request.query), self._desk.clock.now(), self._desk.zone)
