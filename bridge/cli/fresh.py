"""What makes an event another one that happens now, in the terms of the source that will read it."""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterator, Mapping
from datetime import datetime

from pydantic import BaseModel

from bridge.cli.body import Change, Steps, parse_changes, steps_of
from bridge.cli.text import iso
from bridge.sources.eduzz import EduzzOptions
from bridge.sources.eduzz_events import ALIASES, EVENTS
from bridge.sources.generic import HEADER, GenericOptions
from bridge.sources.payload import dig

ID_LENGTH = 25
"""As long as the ids of Eduzz."""
_LETTERS = string.ascii_lowercase + string.digits
_MILLISECONDS_FROM = 100_000_000_000


def fresh(
    options: BaseModel, body: Mapping[str, object], now: datetime, event_id: str | None = None
) -> Iterator[Change]:
    """Yield a new id, or this one, and the time of now, at the places where the source looks for them.

    A time is changed only where the body has one. A source that knows an event by its whole body, or by
    a header, gets no id.
    """
    event_id = event_id or "".join(secrets.choice(_LETTERS) for _ in range(ID_LENGTH))
    match options:
        case EduzzOptions():
            yield Change(("id",), event_id)
            yield Change(("sentDate",), iso(now))
            yield from _at(_happened(body), body, now)
        case GenericOptions():
            yield from parse_changes([f'{place}="{event_id}"' for place in _paths(options.id)])
            for place in _paths(options.time):
                yield from _at(steps_of(place), body, now)
        case _:
            return


def _happened(body: Mapping[str, object]) -> Steps:
    name = str(body.get("event"))
    known = EVENTS.get(ALIASES.get(name, name))
    return ("data", *known.time) if known and known.time else ()


def _paths(place: str | None) -> list[str]:
    return [place] if place and not place.startswith(HEADER) else []


def _at(steps: Steps, body: Mapping[str, object], now: datetime) -> Iterator[Change]:
    """Yield the time of now in the form of the time that stands at a place, if one does."""
    match dig(body, steps) if steps else None:
        case str():
            yield Change(steps, now.isoformat(timespec="seconds").replace("+00:00", "Z"))
        case int(then) | float(then):
            yield Change(steps, round(now.timestamp() * (1000 if then >= _MILLISECONDS_FROM else 1)))
        case _:
            return
