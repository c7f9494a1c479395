"""What the forms of the admin pages have in common: names in their paths, what they say, where they lead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from bridge.pipeline.told import Told

NAME = r"{name:[A-Za-z0-9][A-Za-z0-9_-]{0,63}}"
"""A channel's or a rule's name in a path."""
REASON_LENGTH = 500
"""Characters that are kept of a reason that a person gives."""
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


async def said_in(request: web.Request) -> dict[str, str]:
    """Return the words of a form; none for a request without one."""
    try:
        form = await request.post()
    except (ValueError, LookupError):  # LookupError: a charset that is none
        raise web.HTTPBadRequest from None
    return {name: value for name, value in form.items() if isinstance(value, str)}


def reason_of(said: Mapping[str, str], otherwise: str = "") -> str:
    """Return the reason that a person gives, cut to its length; `otherwise` where there is none."""
    return said.get("why", "").strip()[:REASON_LENGTH] or otherwise
