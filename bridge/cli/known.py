"""What the course catalogue adds to the events that a command looks at."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime

from bridge.bootstrap import Services
from bridge.cli.event import Found, pick_source, read_events
from bridge.cli.opening import with_services
from bridge.config.load import Loaded
from bridge.core.catalogue import Catalogue, completes, completion, own_mark, told
from bridge.core.events import Event
from bridge.pipeline.register import Place, known
from bridge.sources.base import Request
from bridge.sources.own import OwnSource

UNNAMED = "course-completed"
"""Stands for the id of a completion that is only looked at."""


def events_of(loaded: Loaded, found: Found, source: str | None, now: datetime) -> list[Event]:
    """Return the events that EVENT leads to, as the rules see them; fails where there is none.

    Of a stored event with what is noted of its learner; of any other as if it were the learner's first, and
    with the completion of a course that would follow.
    """
    read = read_events(found, pick_source(loaded, found, source), now)
    if found.stored is None:
        return list(alone(loaded.catalogue, read))
    entry = found.stored.row.seq

    async def look_up(services: Services) -> list[Event]:
        secret = services.database.secret
        return await services.database.read(
            lambda c: [
                known(c, secret, loaded.catalogue, Place(entry, index), event)
                for index, event in enumerate(read)
            ]
        )

    return with_services(loaded, look_up) if any(map(loaded.catalogue.of, read)) else list(read)


def alone(catalogue: Catalogue, events: Iterable[Event]) -> Iterator[Event]:
    """Yield events of learners of whom nothing is known, each with the completion that would follow."""
    for event in events:
        course, marks = catalogue.of(event), own_mark(event)
        seen = told(event, course, marks) if course else event
        yield seen
        if completes(event, course, marks) and not catalogue.tells(event):
            yield from _completion(catalogue, seen)


def _completion(catalogue: Catalogue, event: Event) -> Iterator[Event]:
    body = json.dumps(completion(event, UNNAMED)).encode()
    parsed = OwnSource().parse(Request({}, body, event.occurred_at))
    for each in parsed if isinstance(parsed, tuple) else ():
        course = catalogue.of(each)
        yield told(each, course, own_mark(event)) if course else each
