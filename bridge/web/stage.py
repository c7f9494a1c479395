"""One listener for several applications: a request is for the one whose turn it is when it comes."""

from __future__ import annotations

from aiohttp import web, web_app

FORM_LIMIT = 64 * 1024
"""Bytes of a form; the largest holds one sentence."""


class Stage:
    """`app` is what a listener serves as long as it lives, and `lead` is what answers instead."""

    def __init__(self) -> None:
        self.app = web.Application(client_max_size=FORM_LIMIT)
        self._shown: web.AppRunner | None = None

    async def show(self, app: web.Application) -> None:
        """Lead to an application from now on; the one before finishes what it has begun."""
        coming = web.AppRunner(app, handle_signals=False)
        await coming.setup()
        await self._change(coming)

    async def close(self) -> None:
        """Lead nowhere any more."""
        await self._change(None)

    async def lead(self, request: web.BaseRequest) -> web.StreamResponse:
        """Have a request answered by the application that is shown."""
        shown = self._shown.server if self._shown is not None else None
        if shown is None:
            raise web.HTTPServiceUnavailable
        return await shown.request_handler(request)

    async def _change(self, coming: web.AppRunner | None) -> None:
        former, self._shown = self._shown, coming
        if former is not None:
            await former.cleanup()
            _forget_handlers()


def _forget_handlers() -> None:
    """Let go of applications that are shown no more.

    aiohttp remembers the middlewares that it has put around the last 1,024 handlers of a process, and so all
    that these know: https://github.com/aio-libs/aiohttp/blob/v3.14.3/aiohttp/web_app.py
    """
    built = getattr(web_app, "_cached_build_middleware", None)
    if built is not None:
        built.cache_clear()
