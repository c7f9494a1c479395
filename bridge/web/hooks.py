"""`/hooks/{source}`: takes what platforms send, and refuses cheaply what they did not.

Everything a sender can do wrong has its 4xx here.
Whether a request is authentic, and what becomes of it, is `bridge.pipeline.ingest`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from aiohttp import web

from bridge.clock import Clock
from bridge.core.signing import Refused
from bridge.logs import Log
from bridge.pipeline.answer import Answer
from bridge.sources.base import Request
from bridge.web.answers import NONE, answer, refusal, too_many, unavailable
from bridge.web.body import BodyReader, Unread
from bridge.web.counting import Counting
from bridge.web.limits import Limits, RefusalLimit
from bridge.web.receiver import Receiver
from bridge.web.remote import Network, caller
from bridge.web.seldom import Seldom

_METHODS = "GET, HEAD, POST"
_JSON = "application/json"
_ROOT = "/hooks/"


class Hooks:
    """The handler of one listener, with the refusals it remembers."""

    def __init__(
        self,
        receiver: Receiver,
        clock: Clock,
        log: Log,
        limits: Limits,
        proxies: Sequence[Network] = (),
        counting: Counting | None = None,
    ) -> None:
        self._receiver = receiver
        self._counting = counting
        self._clock = clock
        self._log = log
        self._bodies = BodyReader(limits)
        self._crowded = Seldom(log, "requests turned away", clock.monotonic)
        self._proxies = proxies
        self._refusals = RefusalLimit(
            burst=limits.refusals,
            per_minute=limits.refusals_per_minute,
            addresses=limits.remembered_addresses,
            monotonic=clock.monotonic,
        )

    def take(
        self, path: str, headers: Mapping[str, str], body: bytes, told: Callable[[Answer], None]
    ) -> bool:
        """Take a whole POST on the short way, see `bridge.web.door`; False if it is one for `handle`.

        It has no Content-Encoding.
        """
        source = path[len(_ROOT) :]
        if source not in self._receiver.sources:
            return False
        if headers.get("content-type") != _JSON and _unfit(headers) is not None:
            return False
        answered = told if self._counting is None else partial(_counted, self._counting, source, told)
        return self._receiver.take(source, headers, body, answered)

    def now(self) -> datetime:
        """Return the time that answers carry."""
        return self._clock.now()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request to `/hooks/{source}`, whatever its method."""
        source = request.match_info["source"]
        if source not in self._receiver.sources:
            return self._refuse(request, 404, "no source has this name: see `sources:` in the configuration")
        if request.method == "POST":
            return await self._post(request, source)
        if request.method in {"GET", "HEAD"}:
            return answer(200, {"status": "ready"})
        return self._refuse(request, 405, "send events with POST", {"Allow": _METHODS})

    async def _post(self, request: web.Request, source: str) -> web.Response:
        headers = request.headers
        unfit = _unfit(headers)
        if unfit is not None:
            return self._refuse(request, 415, unfit)
        body = await self._bodies.read(request)
        if isinstance(body, Unread):
            return self._cut_off(request, body)
        if self._refusals.any:
            wait = self._refusals.wait(caller(request, self._proxies))
            if wait and self._forged(source, headers, body):
                return too_many(wait)
        result = await self._receiver.receive(source, headers, body)
        if result.status == 401:
            self._refusals.count(caller(request, self._proxies))
        return _told(result)

    async def close(self, _: web.Application) -> None:
        """Wait for no more bodies; called when the listener closes."""
        self._bodies.hurry()

    def _cut_off(self, request: web.Request, unread: Unread) -> web.Response:
        if unread.retry_after is None:
            response = self._refuse(request, unread.status, unread.why)
        else:
            self._crowded.happened(why=unread.why)
            response = unavailable(unread.why, unread.retry_after)
        response.force_close()
        return response

    def _forged(self, source: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Say whether a caller with too many refusals may be turned away unlogged."""
        verdict = self._receiver.sources[source].verify(Request(headers, body, self._clock.now()))
        return isinstance(verdict, Refused)

    def _refuse(
        self, request: web.Request, status: int, error: str, headers: Mapping[str, str] = NONE
    ) -> web.Response:
        wait = self._refusals.count(caller(request, self._proxies))
        if wait:
            return too_many(wait)
        self._log.info("request refused", path=_legible(request.path), status=status, why=error)
        return refusal(status, error, headers)


def _counted(counting: Counting, source: str, told: Callable[[Answer], None], result: Answer) -> None:
    counting.count(source, result.status)
    told(result)


def _told(result: Answer) -> web.Response:
    if result.retry_after is None:
        return answer(result.status, result.body)
    return answer(result.status, result.body, {"Retry-After": str(result.retry_after)})


def _unfit(headers: Mapping[str, str]) -> str | None:
    """Say why the content is not JSON as it stands, if so.

    An encoded body is refused because signatures are over the bytes as sent, no known platform encodes
    them, and a small one may unfold into gigabytes.
    """
    encoding = headers.get("content-encoding")
    if encoding is not None and encoding.strip().lower() not in {"", "identity"}:
        return "send the body as it is, without Content-Encoding"
    content_type = headers.get("content-type", "")
    if content_type == _JSON:
        return None
    media = content_type.partition(";")[0].strip().lower()
    if media in {"", _JSON} or ("/" in media and media.endswith("+json")):
        return None
    return f"send JSON: Content-Type {_JSON}"


def _legible(path: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in path[:80])
