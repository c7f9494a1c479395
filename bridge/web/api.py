"""The JSON API below `/api`: the lists and the things of the admin pages, for scripts."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

from aiohttp import web

from bridge.pipeline.explaining import Unexplained
from bridge.pipeline.told import Told
from bridge.store import details, views
from bridge.store.details import NotFound
from bridge.web.answers import refusal
from bridge.web.configuration import configuration_plain
from bridge.web.desk import Desk
from bridge.web.filters import Query, page_link
from bridge.web.forms import reason_of
from bridge.web.plain import (
    delivery_details_plain,
    delivery_plain,
    event_details_plain,
    event_plain,
    explanation_plain,
)


class Api:
    """Handlers of the API."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, all below `/api`."""
        return [
            web.get("/api/configuration", self._configuration),
            web.post("/api/configuration/reload", self._reload),
            web.get("/api/events", self._events),
            web.get(r"/api/events/{seq:\d{1,18}}", self._event),
            web.get(r"/api/events/{seq:\d{1,18}}/explanation", self._explanation),
            web.post(r"/api/events/{seq:\d{1,18}}/replay", self._replay),
            web.get("/api/deliveries", self._deliveries),
            web.get("/api/deliveries/{id:[0-9a-f]{32}}", self._delivery),
            web.post("/api/deliveries/{id:[0-9a-f]{32}}/retry", self._retry),
            web.post("/api/deliveries/{id:[0-9a-f]{32}}/discard", self._discard),
        ]

    async def _configuration(self, _: web.Request) -> web.Response:
        if self._desk.configuration is None:
            return refusal(404, "nothing is known of a configuration")
        return json_answer(configuration_plain(self._desk.configuration()))

    async def _reload(self, _: web.Request) -> web.Response:
        if self._desk.reload is None:
            return refusal(404, "nothing can be reloaded")
        found = await self._desk.reload()
        return json_answer(configuration_plain(found), 409 if found.problems else 200)

    async def _events(self, request: web.Request) -> web.Response:
        query = self._query(request)
        wanted = query.events()
        if query.problems:
            return refusal(400, "; ".join(query.problems))
        rows = await self._desk.store.read(lambda c: views.list_events(c, wanted))
        page = query.page(rows)
        return page_answer(request, "events", [event_plain(row) for row in page.rows], page.before)

    async def _deliveries(self, request: web.Request) -> web.Response:
        query = self._query(request)
        wanted = query.deliveries()
        if query.problems:
            return refusal(400, "; ".join(query.problems))
        rows = await self._desk.store.read(lambda c: views.list_deliveries(c, wanted))
        page = query.page(rows)
        return page_answer(request, "deliveries", [delivery_plain(row) for row in page.rows], page.before)

    async def _event(self, request: web.Request) -> web.Response:
        seq = int(request.match_info["seq"])
        found = await self._desk.store.read(lambda c: details.show_event(c, seq))
        if isinstance(found, NotFound):
            return refusal(404, f"there is no event {seq}")
        return await asyncio.to_thread(lambda: json_answer(event_details_plain(found)))

    async def _explanation(self, request: web.Request) -> web.Response:
        seq = int(request.match_info["seq"])
        found = await self._desk.store.read(lambda c: details.show_event(c, seq))
        if isinstance(found, NotFound):
            return refusal(404, f"there is no event {seq}")
        if self._desk.explainer is None:
            return refusal(409, f"event {seq} cannot be explained: no rules are at work, see /configuration")
        now, rule = request.query.get("basis") == "now", request.query.get("rule")
        made = await self._desk.explainer.explain(found, now=now, rule=rule)
        if isinstance(made, Unexplained):
            return refusal(409, f"event {seq} cannot be explained: {made.why}")
        return await asyncio.to_thread(lambda: json_answer(explanation_plain(made, seq)))

    async def _delivery(self, request: web.Request) -> web.Response:
        delivery_id = request.match_info["id"]
        found = await self._desk.store.read(lambda c: details.show_delivery(c, delivery_id))
        if isinstance(found, NotFound):
            return refusal(404, f"there is no delivery {delivery_id}")
        return await asyncio.to_thread(lambda: json_answer(delivery_details_plain(found)))

    async def _replay(self, request: web.Request) -> web.Response:
        return told_answer(await self._desk.operator.replay(int(request.match_info["seq"])))

    async def _retry(self, request: web.Request) -> web.Response:
        return told_answer(await self._desk.operator.retry(request.match_info["id"]))

    async def _discard(self, request: web.Request) -> web.Response:
        why = reason_of(request.query, "discarded through the API")
        return told_answer(await self._desk.operator.discard(request.match_info["id"], why))

    def _query(self, request: web.Request) -> Query:
        return Query(dict(request.query), self._desk.clock.now(), self._desk.zone)


def page_answer(
    request: web.Request, name: str, rows: list[dict[str, object]], before: int | str | None
) -> web.Response:
    """Answer with a page of a list, and the link to the next one."""
    next_ = page_link(request.path, request.query, before=before) if before else None
    return json_answer({name: rows, "next": next_})


def told_answer(told: Told) -> web.Response:
    """Answer with what came of an act."""
    status = 200 if told.done else 409
    return json_answer({"status": "done" if told.done else "refused", "sentence": told.sentence}, status)


def json_answer(value: object, status: int = 200) -> web.Response:
    """Answer with JSON."""
    # Not orjson: what a sender put into a body may hold halves of characters, which it refuses to write.
    body = json.dumps(value, default=_written).encode()
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return web.Response(status=status, body=body, headers=headers)


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} has no form in JSON")
