"""The filters for people, by the names that templates call them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bridge.rendering.filters import Filter, on_text, passing_absent
from bridge.rendering.names import first_name, proper_name

if TYPE_CHECKING:
    from bridge.rendering.wording import Wording

_WORDED = {
    "date": "day",
    "time": "time",
    "datetime": "moment",
    "ago": "ago",
    "money": "money",
    "number": "number",
    "ordinal": "ordinal",
    "plural": "plural",
}
"""Filters and the methods of `Wording` that do their work."""


def people_filters(locale: str, timezone: ZoneInfo, now: Callable[[], datetime]) -> dict[str, Filter]:
    """Return the filters for names, times, amounts and numbers, in one language and time zone."""

    @cache
    def wording() -> Wording:
        # Babel costs 20 ms to import, and most commands and many templates never need it.
        from bridge.rendering.wording import Wording  # noqa: PLC0415

        return Wording(locale, timezone, now)

    def worded(method: str) -> Filter:
        def filtered(*args: object, **kwargs: object) -> object:
            found: object = getattr(wording(), method)(*args, **kwargs)
            return found

        return passing_absent(filtered)

    names = {"first_name": first_name, "proper_name": proper_name}
    return {
        **{name: passing_absent(on_text(function)) for name, function in names.items()},
        **{name: worded(method) for name, method in _WORDED.items()},
    }
