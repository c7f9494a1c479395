"""The admin pages: overview, events, deliveries, and what a person may do there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from aiohttp import web

from bridge.core.outcomes import MOVES, State
from bridge.store import details, views
from bridge.store.details import Ambiguous, DeliveryDetails, EventDetails, NotFound
from bridge.web.desk import Desk
from bridge.web.explained import shown_explanation
from bridge.web.filters import EVENT_STATES, Query
from bridge.web.forms import after, reason_of, said_in
from bridge.web.overview import overview
from bridge.web.render import Pages
from bridge.web.shown import items_headline, shares, shown_body, shown_headers, shown_message


class AdminPages:
    """Handlers of the HTML pages."""

    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of all pages."""
        return [
            web.get("/", self._overview),
            web.get("/events", self._events),
            web.get(r"/events/{seq:\d{1,18}}", self._event),
            web.post(r"/events/{seq:\d{1,18}}/replay", self._replay),
            web.get("/deliveries", self._deliveries),
            web.get("/deliveries/{id:[0-9a-f]{32}}", self._delivery),
            web.get("/deliveries/{id:[0-9a-f]{32}}/html", self._delivery_html),
            web.post("/deliveries/{id:[0-9a-f]{32}}/retry", self._retry),
            web.post("/deliveries/{id:[0-9a-f]{32}}/discard", self._discard),
            web.get("/find", self._find),
        ]

    async def _overview(self, _: web.Request) -> web.Response:
        now = self._desk.clock.now()
        seen = await self._desk.store.read(lambda c: overview(c, now, self._desk.channels, self._desk.rates))
        return self._pages.page("overview.html", ready=self._desk.ready(), seen=seen)

    async def _events(self, request: web.Request) -> web.Response:
        query = self._query(request)
        wanted = query.events()
        rows = [] if query.problems else await self._desk.store.read(lambda c: views.list_events(c, wanted))
        return self._list("events.html", request, query, rows, EVENT_STATES)

    async def _deliveries(self, request: web.Request) -> web.Response:
        query = self._query(request)
        wanted = query.deliveries()
        rows = (
            [] if query.problems else await self._desk.store.read(lambda c: views.list_deliveries(c, wanted))
        )
        return self._list("deliveries.html", request, query, rows, tuple(State))

    def _list(
        self,
        template: str,
        request: web.Request,
        query: Query,
        rows: Sequence[views.EventRow | views.DeliveryRow],
        states: Sequence[str],
    ) -> web.Response:
        page = query.page(rows)
        status = 400 if query.problems else 200
        return self._pages.page(
            template, status=status, query=query, page=page, path=request.path, states=states, desk=self._desk
        )

    async def _event(self, request: web.Request, *, problem: str = "") -> web.Response:
        seq = int(request.match_info["seq"])
        found = await self._desk.store.read(lambda c: details.show_event(c, seq))
        if isinstance(found, NotFound):
            return self._missing(f"There is no event {seq}.")
        explained = await self._desk.explainer.explain(found) if self._desk.explainer else None
        return await self._details(
            "event.html",
            request,
            problem,
            lambda: {**_event_values(found), "why": shown_explanation(explained, self._desk.zone)},
        )

    async def _delivery(self, request: web.Request, *, problem: str = "") -> web.Response:
        found = await self._show_delivery(request)
        if isinstance(found, NotFound):
            return self._missing(f"There is no delivery {request.match_info['id']}.")
        return await self._details("delivery.html", request, problem, lambda: _delivery_values(found))

    async def _delivery_html(self, request: web.Request) -> web.Response:
        found = await self._show_delivery(request)
        if isinstance(found, NotFound) or found.payload is None:
            return self._missing("There is no such message.")
        mail = (await asyncio.to_thread(shown_message, found.row.action, found.payload)).mail
        return self._pages.message(mail.html if mail else "")

    async def _show_delivery(self, request: web.Request) -> DeliveryDetails | NotFound:
        delivery_id = request.match_info["id"]
        return await self._desk.store.read(lambda c: details.show_delivery(c, delivery_id))

    async def _details(
        self, template: str, request: web.Request, problem: str, values: Callable[[], dict[str, object]]
    ) -> web.Response:
        """Return a page with a body or message, made in a thread: a large one takes its time."""
        status = 409 if problem else 200
        notice = _notice(request)
        return await asyncio.to_thread(
            lambda: self._pages.page(template, status=status, problem=problem, notice=notice, **values())
        )

    async def _find(self, request: web.Request) -> web.StreamResponse:
        """Go to the event with a number or whole id, or the delivery with an id or its beginning."""
        name = request.query.get("id", "").strip()[:200]
        delivery, event = await self._desk.store.read(
            lambda c: (
                details.find_delivery(c, name) if len(name) >= 6 else NotFound(),
                details.find_event(c, name),
            )
        )
        if isinstance(event, int):
            raise web.HTTPSeeOther(f"/events/{event}")
        if isinstance(delivery, str):
            raise web.HTTPSeeOther(f"/deliveries/{delivery}")
        if isinstance(event, Ambiguous):
            numbers = ", ".join(event.candidates)
            return self._missing(f"Several events are called {name}. Give the number of one: {numbers}.")
        if isinstance(delivery, Ambiguous):
            return self._missing(f"Several ids begin with {name}. Give more of it.")
        return self._missing(
            f"No event and no delivery has the number or id {name}." if name else "Give a number or an id."
        )

    async def _replay(self, request: web.Request) -> web.StreamResponse:
        seq = int(request.match_info["seq"])
        told = await self._desk.operator.replay(seq)
        page = f"/events/{seq}"
        return await after(told, page, "replay", lambda why: self._event(request, problem=why))

    async def _retry(self, request: web.Request) -> web.StreamResponse:
        delivery_id = request.match_info["id"]
        told = await self._desk.operator.retry(delivery_id)
        page, done = f"/deliveries/{delivery_id}", "waits" if told.waits else "retry"
        return await after(told, page, done, lambda why: self._delivery(request, problem=why))

    async def _discard(self, request: web.Request) -> web.StreamResponse:
        delivery_id = request.match_info["id"]
        why = reason_of(await said_in(request), "discarded by a person")
        told = await self._desk.operator.discard(delivery_id, why)
        page = f"/deliveries/{delivery_id}"
        return await after(told, page, "discard", lambda why: self._delivery(request, problem=why))

    def _missing(self, sentence: str) -> web.Response:
        return self._pages.page("problem.html", status=404, title="Not found", sentence=sentence)

    def _query(self, request: web.Request) -> Query:
        return Query(dict(request.query), self._desk.clock.now(), self._desk.zone)


_NOTICES: Mapping[str, str] = {
    "replay": "The event goes through the rules again. Reload to see what came of it.",
    "retry": "The delivery is tried again now. Reload to see what came of it.",
    "waits": "The delivery waits again: for its time, or until its channel goes on.",
    "discard": "The delivery is discarded.",
}


def _notice(request: web.Request) -> str:
    """Return the sentence for the thing just done; only our own sentences, whatever the link says."""
    return _NOTICES.get(request.query.get("done", ""), "")


def _event_values(found: EventDetails) -> dict[str, object]:
    return {
        "event": found.row,
        "deliveries": found.deliveries,
        "body": shown_body(found.entry.body),
        "headers": shown_headers(found.entry),
        "decisions": _decisions(found.row.summary or {}),
        "can_replay": found.row.state != "new",
    }


def _delivery_values(found: DeliveryDetails) -> dict[str, object]:
    moves = MOVES[found.row.state]
    return {
        "delivery": found.row,
        "event": found.event,
        "attempts": found.attempts,
        "items": found.items,
        "items_headline": items_headline(found) if found.items else "",
        "message_of": found.head if found.head != found.row.id else None,
        "claim": found.claim,
        "channel_phase": found.standing.breaker.phase if found.waits_for_channel else None,
        "message": shown_message(found.row.action, found.payload) if found.payload else None,
        "cuts": found.payload.cuts if found.payload else (),
        "shares": shares(found),
        "can_retry": State.PENDING in moves and found.row.state is not State.SENDING,
        "can_discard": State.DISCARDED in moves,
    }


def _decisions(summary: Mapping[str, object]) -> dict[str, list[object]]:
    """Return what dispatching noted, as lists, whatever an older bridge wrote there."""
    notes = {name: summary.get(name) for name in ("matched", "skipped", "failed")}
    lists = {name: value if isinstance(value, list) else [] for name, value in notes.items()}
    return {**lists, "note": [summary["note"]] if summary.get("note") else []}
