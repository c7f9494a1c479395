"""The admin application: pages, JSON API, metrics and readiness, for the operator alone."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bridge import __version__
from bridge.store.database import StoreUnavailable
from bridge.web.answers import FRESH, answer, refusal
from bridge.web.api import Api
from bridge.web.channels import Channels
from bridge.web.claims import Claims
from bridge.web.configuration_pages import ConfigurationPages
from bridge.web.desk import Desk
from bridge.web.guard import guard
from bridge.web.mailbox_pages import MailboxPages
from bridge.web.metrics import Metrics
from bridge.web.pages import AdminPages
from bridge.web.render import Pages
from bridge.web.rules import Rules
from bridge.web.stage import FORM_LIMIT
from bridge.web.suppressions import Suppressions


def admin_app(desk: Desk, *, password: str | None) -> web.Application:
    """Return the application of the admin listener.

    Without a `password` it may listen on this machine alone. Serve it with `bridge.web.listener.listen`.
    """
    pages = Pages(desk.zone, desk.clock.now, _common(desk))
    middlewares = [_guarded(desk, pages), guard(password, desk.clock.monotonic)]
    app = web.Application(middlewares=middlewares, client_max_size=FORM_LIMIT)
    app.add_routes(AdminPages(desk, pages).routes())
    app.add_routes(Api(desk).routes())
    app.add_routes(Channels(desk, pages).routes())
    app.add_routes(Claims(desk, pages).routes())
    app.add_routes(ConfigurationPages(desk, pages).routes())
    app.add_routes(Rules(desk, pages).routes())
    app.add_routes(Suppressions(desk, pages).routes())
    if desk.mailbox is not None:
        app.add_routes(MailboxPages(desk.mailbox, pages).routes())
    app.add_routes(
        [
            web.get("/static/{name}", pages.static),
            web.get("/metrics", Metrics(desk).handle),
            web.get("/healthz", _health),
            web.get("/readyz", _readiness(desk)),
        ]
    )
    return app


def _common(desk: Desk) -> Mapping[str, object]:
    return {
        "version": __version__,
        "zone": str(desk.zone),
        "sandbox": desk.mailbox is not None,
        "locale": desk.locale,
        "sentences": desk.sentences,
        "configuration": desk.configuration or (lambda: None),
    }


def _readiness(desk: Desk) -> Handler:
    async def readiness(_: web.Request) -> web.StreamResponse:
        configuration = desk.configuration() if desk.configuration else None
        if not desk.ready():
            return answer(503, {"status": "unavailable", "why": "the store cannot be written"}, FRESH)
        if configuration is None:
            return answer(200, {"status": "ok"}, FRESH)
        if configuration.waits:
            return answer(503, {"status": "waiting", "why": configuration.sentence}, FRESH)
        since = configuration.since.isoformat() if configuration.since else ""
        told = {"status": "ok", "configuration": configuration.digest, "since": since}
        why = {"why": configuration.sentence} if configuration.problems else {}
        return answer(200, {**told, **why}, FRESH)

    return readiness


async def _health(_: web.Request) -> web.StreamResponse:
    return answer(200, {"status": "ok"}, FRESH)


def _guarded(desk: Desk, pages: Pages) -> Middleware:
    """Return the middleware that turns what went wrong into a page, or for the API into JSON."""

    def problem(request: web.Request, status: int, title: str, sentence: str) -> web.Response:
        if request.path.startswith("/api/"):
            return refusal(status, sentence)
        return pages.page("problem.html", status=status, title=title, sentence=sentence)

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPRedirection:
            raise
        except web.HTTPException as error:
            response = problem(
                request, error.status, error.reason, _SENTENCES.get(error.status, error.reason)
            )
            response.headers.update(
                {name: error.headers[name] for name in ("Allow",) if name in error.headers}
            )
            return response
        except StoreUnavailable as error:
            return problem(request, 503, "The store cannot be used", str(error))
        except Exception:
            desk.log.exception("admin request failed by a mistake of the bridge", method=request.method)
            return problem(
                request, 500, "Something went wrong", "The bridge made a mistake. Its log has the details."
            )

    return guarded


_SENTENCES: Mapping[int, str] = {
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    413: "This form is too large.",
}
