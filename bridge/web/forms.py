"""What the forms of the admin pages have in common: the names in their paths, and where they lead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from bridge.pipeline.operate import Told

NAME = r"{name:[A-Za-z0-9][A-Za-z0-9_-]{0,63}}"
"""A channel's or a rule's name in a path."""
PAUSED_BY = "paused by a person on the admin page"


async def after(
    told: Told, page: str, done: str, again: Callable[[str], Awaitable[web.Response]]
) -> web.StreamResponse:
    """Return what follows a form: the page, which says what is `done`, or the form `again`, with the reason.

    A page that is asked for anew can be loaded again without doing it twice.
    """
    if not told.done:
        return await again(told.sentence)
    raise web.HTTPSeeOther(f"{page}?done={done}")
