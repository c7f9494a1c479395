"""The page of the configuration: what runs, what is wrong with the file, and a button that loads it now."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aiohttp import web
from msgspec import Struct

from bridge.web.desk import Desk
from bridge.web.render import Pages

_PLACE = re.compile(r"(?P<place>[^\n]+?(?::\d+){0,2}): (?P<sentence>.*)", re.DOTALL)
_LOADED = "The files were loaded, and are at work."


class Problem(Struct, frozen=True):
    """What is wrong, and where: a file with line and column, and a sentence."""

    place: str
    sentence: str


class ConfigurationPages:
    """Handlers of `/configuration`."""

    def __init__(self, desk: Desk, pages: Pages) -> None:
        self._desk = desk
        self._pages = pages

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.get("/configuration", self._page), web.post("/configuration/reload", self._reload)]

    async def _page(self, request: web.Request) -> web.Response:
        if self._desk.configuration is None:
            raise web.HTTPNotFound
        found = self._desk.configuration()
        return self._pages.page(
            "configuration.html",
            found=found,
            problems=[problem(each) for each in found.problems],
            counts=self._counts(),
            can_reload=self._desk.reload is not None,
            notice=_LOADED if request.query.get("done") == "reload" and found.state == "running" else "",
        )

    async def _reload(self, _: web.Request) -> web.StreamResponse:
        if self._desk.reload is None:
            raise web.HTTPNotFound
        await self._desk.reload()
        raise web.HTTPSeeOther("/configuration?done=reload")

    def _counts(self) -> Sequence[tuple[str, int, str]]:
        """Return what is at work: its name, how many, and the page that shows it."""
        desk = self._desk
        return (("rules", len(desk.rules), "/rules"), ("channels", len(desk.channels), "/"))


def problem(text: str) -> Problem:
    """Return a problem taken apart: `file:line:column: sentence`, or `file: sentence`."""
    found = _PLACE.fullmatch(text)
    return Problem(found["place"], found["sentence"]) if found else Problem("", text)
