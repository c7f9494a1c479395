"""`/unsubscribe/{token}`: the page on which people say what they want to get, and the one-click of RFC 8058.

Looking changes nothing, because programs that guard mailboxes open every link. The page needs no script,
loads nothing, and names nobody.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs

from aiohttp import web

from bridge.clock import Clock
from bridge.core.suppressions import Leaver, Scope
from bridge.pipeline.unsubscribing import Wish
from bridge.store.database import StoreUnavailable
from bridge.web.answers import FRESH, SOFTWARE, refusal, too_many
from bridge.web.body import BodyReader, Unread
from bridge.web.limits import Limits, RefusalLimit
from bridge.web.preference_words import words_for
from bridge.web.remote import Network, caller

_WISHES = {"all": Wish(), "optional": Wish(Scope.OPTIONAL), "everything": Wish(Scope.EVERYTHING)}
_ONE_CLICK = _WISHES["optional"]
_RETRY_AFTER_S = 60
BODY_BYTES = 8 * 1024
"""A form has a few words; a mail program says even less."""
_STYLE = (
    "body{margin:0;background:#eef0f4;color:#262a33;font:16px/1.6 'Helvetica Neue',Arial,sans-serif}"
    "main{max-width:32rem;margin:0 auto;padding:2.5rem 1.25rem}"
    "h1{margin:0 0 1rem;font-size:1.6rem;line-height:1.25}"
    ".saved{padding:.6rem 1rem;border-left:4px solid #1f7a4a;background:#fff}"
    "button{display:block;width:100%;margin:.75rem 0 0;padding:.8rem 1rem;border:1px solid #3451d1;"
    "border-radius:8px;background:#3451d1;color:#fff;font:inherit;font-weight:bold;cursor:pointer}"
    "button.plain{background:transparent;color:#2a43b8}"
    "button:focus-visible{outline:3px solid #8195ff;outline-offset:2px}"
    "@media (prefers-color-scheme:dark){body{background:#14161c;color:#e3e6ee}.saved{background:#1f222b}"
    "button{border-color:#8195ff;background:#8195ff;color:#10131c}button.plain{color:#a9b7ff}}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    **FRESH,
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Server": SOFTWARE,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}


class Decides(Protocol):
    """What people may decide: `bridge.pipeline.unsubscribing.Preferences`."""

    def leaver(self, token: str) -> Leaver | None:
        """Return whom a link is for; None for what is no link of ours."""
        ...

    async def wish(self, leaver: Leaver) -> Wish:
        """Return what this person has decided so far."""
        ...

    async def decide(self, leaver: Leaver, wish: Wish) -> Wish:
        """Store what a person decides, and return what stands then."""
        ...


class Unsubscribe:
    """The handler of one listener, with the refusals it remembers."""

    def __init__(
        self,
        people: Decides,
        clock: Clock,
        limits: Limits,
        proxies: Sequence[Network],
        locale: Callable[[], str],
    ) -> None:
        self._people = people
        self._proxies = proxies
        self._locale = locale
        self._bodies = BodyReader(limits)
        self._refusals = RefusalLimit(
            burst=limits.refusals,
            per_minute=limits.refusals_per_minute,
            addresses=limits.remembered_addresses,
            monotonic=clock.monotonic,
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request to `/unsubscribe/{token}`, whatever its method."""
        if request.method not in {"GET", "HEAD", "POST"}:
            return refusal(405, "open it with GET, unsubscribe with POST", {"Allow": "GET, HEAD, POST"})
        leaver = self._people.leaver(request.match_info["token"])
        if leaver is None:
            return self._unknown(request)
        try:
            if request.method == "POST":
                return await self._post(request, leaver)
            return self._page(request, 200, without=(await self._people.wish(leaver)).without, saved=False)
        except StoreUnavailable:
            return self._said(request, 503, "away", {"Retry-After": str(_RETRY_AFTER_S)})

    async def close(self, _: web.Application) -> None:
        """Wait for no more bodies; called when the listener closes."""
        self._bodies.hurry()

    async def _post(self, request: web.Request, leaver: Leaver) -> web.Response:
        """Do what a button says; any other POST is a mail program's one click."""
        body = await self._bodies.read(request)
        if isinstance(body, Unread):
            response = refusal(body.status, body.why)
            response.force_close()
            return response
        wish = await self._people.decide(leaver, _wish(request, body))
        return self._page(request, 200, without=wish.without, saved=True)

    def _unknown(self, request: web.Request) -> web.Response:
        wait = self._refusals.count(caller(request, self._proxies))
        return too_many(wait) if wait else self._said(request, 404, "bad")

    def _said(
        self, request: web.Request, status: int, what: str, headers: Mapping[str, str] | None = None
    ) -> web.Response:
        words = words_for(request.headers.get("Accept-Language", ""), self._locale())
        response = self._render(status, words, words[f"{what}_title"], text=words[what])
        response.headers.update(headers or {})
        return response

    def _page(self, request: web.Request, status: int, **values: object) -> web.Response:
        words = words_for(request.headers.get("Accept-Language", ""), self._locale())
        return self._render(status, words, words["title"], **values)

    def _render(self, status: int, words: Mapping[str, str], title: str, **values: object) -> web.Response:
        html = _page_of()(words=words, title=title, **values)
        headers = {**_HEADERS, "Content-Language": words["lang"]}
        return web.Response(status=status, body=html.encode(), headers=headers)


def _wish(request: web.Request, body: bytes) -> Wish:
    if request.content_type != "application/x-www-form-urlencoded":
        return _ONE_CLICK
    try:
        said = parse_qs(body.decode(), max_num_fields=20)
    except ValueError:
        return _ONE_CLICK
    return _WISHES.get(said.get("choice", [""])[0], _ONE_CLICK)


@cache
def _page_of() -> Callable[..., str]:
    """Return what renders the page; made when the first person comes, since a receiver starts at once."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415
    from markupsafe import Markup  # noqa: PLC0415

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    # Ours, and the policy's digest is of the style as it stands.
    environment.globals["style"] = Markup(_STYLE)  # noqa: S704
    return environment.get_template("preferences.html").render
