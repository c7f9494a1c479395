"""The page of one channel: how it does, what is broken, pausing and resuming it; the same as JSON."""

from __future__ import annotations

from aiohttp import web

from bridge.pipeline.told import Told
from bridge.store import incidents
from bridge.store.database import Connection
from bridge.web.api import json_answer, told_answer
from bridge.web.desk import Desk
from bridge.web.forms import NAME, PAUSED_BY, after
from bridge.web.render import Pages
from bridge.web.standing import ChannelState, incident_plain, read_states, state_plain, troubles_of

_NOTICES = {
    "pause": "The channel sends nothing now. Its deliveries wait.",
    "resume": "The channel sends again.",
}


class Channels:
    """Handlers of `/channels` and `/api/channels`."""

    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(f"/channels/{NAME}", self._page),
            web.post(f"/channels/{NAME}/{{act:pause|resume}}", self._post),
            web.get("/api/channels", self._list),
            web.post(f"/api/channels/{NAME}/{{act:pause|resume}}", self._api_post),
        ]

    async def _page(self, request: web.Request, *, problem: str = "") -> web.Response:
        name = self._name(request)
        state, troubles = await self._desk.store.read(lambda c: (self._states(c)[name], troubles_of(c, name)))
        return self._pages.page(
            "channel.html",
            status=409 if problem else 200,
            channel=state,
            troubles=troubles,
            problem=problem,
            notice=_NOTICES.get(request.query.get("done", ""), ""),
        )

    async def _post(self, request: web.Request) -> web.StreamResponse:
        page, done = f"/channels/{self._name(request)}", request.match_info["act"]
        return await after(await self._act(request), page, done, lambda why: self._page(request, problem=why))

    async def _list(self, _: web.Request) -> web.Response:
        states, troubles = await self._desk.store.read(
            lambda c: (list(self._states(c).values()), incidents.lasting(c))
        )
        return json_answer(
            {
                "channels": [state_plain(state) for state in states],
                "troubles": [incident_plain(each) for each in troubles],
            }
        )

    async def _api_post(self, request: web.Request) -> web.Response:
        return told_answer(await self._act(request))

    async def _act(self, request: web.Request) -> Told:
        name = self._name(request)
        if request.match_info["act"] == "pause":
            return await self._desk.operator.pause(name, PAUSED_BY)
        return await self._desk.operator.resume(name)

    def _name(self, request: web.Request) -> str:
        name = request.match_info["name"]
        if name not in self._desk.channels:
            raise web.HTTPNotFound
        return name

    def _states(self, connection: Connection) -> dict[str, ChannelState]:
        return read_states(connection, self._desk.clock.now(), self._desk.channels, self._desk.rates)
