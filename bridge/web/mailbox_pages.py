"""The pages of the sandbox's mailbox: what arrived at the local mail server and the stand-ins."""

from __future__ import annotations

from aiohttp import web

from bridge.core.readable import Mail, enclosed
from bridge.web.desk import Arrived, Mailbox
from bridge.web.render import Pages

SHOWN = 200
"""How many of the last arrivals are listed."""


class MailboxPages:
    """Handlers of the mailbox's pages; there only in the sandbox."""

    def __init__(self, mailbox: Mailbox, pages: Pages) -> None:
        self._mailbox = mailbox
        self._pages = pages

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, all below `/mailbox`."""
        return [
            web.get("/mailbox", self._list),
            web.get(r"/mailbox/{number:\d{1,9}}", self._one),
            web.get(r"/mailbox/{number:\d{1,9}}/html", self._html),
            web.get(r"/mailbox/{number:\d{1,9}}/files/{place:\d{1,2}}", self._file),
        ]

    async def _list(self, _: web.Request) -> web.Response:
        arrivals = list(self._mailbox)[-SHOWN:][::-1]
        return self._pages.page("mailbox.html", arrivals=arrivals, total=self._mailbox.total)

    async def _one(self, request: web.Request) -> web.Response:
        arrival = self._find(request)
        if arrival is None:
            return self._missing()
        return self._pages.page("arrival.html", arrival=arrival)

    async def _html(self, request: web.Request) -> web.Response:
        arrival = self._find(request)
        if arrival is None or not isinstance(arrival.content, Mail):
            return self._missing()
        return self._pages.message(arrival.content.html)

    async def _file(self, request: web.Request) -> web.Response:
        arrival = self._find(request)
        place = int(request.match_info["place"])
        if arrival is None or not isinstance(arrival.content, Mail) or place >= len(arrival.content.files):
            return self._missing()
        file, content = enclosed(arrival.raw)[place]
        return self._pages.download(file.name, content)

    def _find(self, request: web.Request) -> Arrived | None:
        return self._mailbox.find(int(request.match_info["number"]))

    def _missing(self) -> web.Response:
        sentence = "This message is not, or no longer, in the mailbox."
        return self._pages.page("problem.html", status=404, title="Not found", sentence=sentence)
