"""The public application: hooks and health, for the whole internet to call."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec.structs import replace

from bridge.clock import Clock
from bridge.logs import Log
from bridge.web.answers import FRESH, answer, refusal
from bridge.web.counting import Counting
from bridge.web.door import TAKER
from bridge.web.hooks import Hooks
from bridge.web.limits import Limits
from bridge.web.receiver import Receiver
from bridge.web.remote import Network
from bridge.web.unsubscribe import BODY_BYTES, Decides, Unsubscribe


def public_app(  # noqa: PLR0913 - all but two may be left out
    receiver: Receiver,
    clock: Clock,
    *,
    ready: Callable[[], bool],
    log: Log,
    limits: Limits | None = None,
    proxies: Sequence[Network] = (),
    counting: Counting | None = None,
    people: Decides | None = None,
    locale: Callable[[], str] = lambda: "en",
) -> web.Application:
    """Return the application of the public listener.

    `ready` says whether events can be taken, for `GET /healthz`. `proxies` are the networks of reverse
    proxies whose `X-Forwarded-For` is believed; by default none is. `counting` counts the answers of hooks.
    `people` keeps what people decide by the links to unsubscribe, on a page in `locale` unless their browser
    says otherwise.
    Serve it with `bridge.web.listener.listen`.
    """
    limits = limits or Limits()
    hooks = Hooks(receiver, clock, log, limits, proxies, counting)
    handle = hooks.handle if counting is None else counting.counted(hooks.handle)
    app = web.Application()
    app[TAKER] = hooks
    app.on_shutdown.append(hooks.close)
    app.router.add_route("*", "/hooks/{source}", _guarded(handle, log))
    if people is not None:
        unsubscribe = Unsubscribe(people, clock, replace(limits, body_bytes=BODY_BYTES), proxies, locale)
        app.on_shutdown.append(unsubscribe.close)
        app.router.add_route("*", "/unsubscribe/{token}", _guarded(unsubscribe.handle, log))
    app.router.add_route("*", "/healthz", _guarded(_health(ready), log))
    app.router.add_route("*", "/{path:.*}", _guarded(_nowhere, log))
    return app


def _health(ready: Callable[[], bool]) -> Handler:
    async def health(request: web.Request) -> web.StreamResponse:
        if request.method not in {"GET", "HEAD"}:
            return refusal(405, "ask with GET", {"Allow": "GET, HEAD"})
        if ready():
            return answer(200, {"status": "ok"}, FRESH)
        return answer(503, {"status": "unavailable"}, FRESH)

    return health


async def _nowhere(_: web.Request) -> web.StreamResponse:
    return refusal(404, "there is nothing here; events go to /hooks/ and the name of a source")


def _guarded(handler: Handler, log: Log) -> Handler:
    """Keep our own mistakes out of a stranger's sight and in our log.

    A wrapper and not a middleware, which would cost every request its chain.
    """

    async def guarded(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception:
            log.exception("request failed by a mistake of the bridge", method=request.method)
            return answer(500, {"status": "failed"})

    return guarded
