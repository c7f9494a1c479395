"""Every platform by its `type:`; the only place that knows them all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

from pydantic import BaseModel, SecretStr

from bridge.core import trouble
from bridge.core.catalogue import COMPLETED, COMPLETED_TYPE
from bridge.core.events import Event
from bridge.sources import eduzz_events
from bridge.sources.base import Request, Source
from bridge.sources.eduzz import EduzzOptions, EduzzSource
from bridge.sources.generic import GenericOptions, GenericSource
from bridge.sources.inventory import paths_in
from bridge.sources.own import COMPLETION, SAMPLE, OwnSource
from bridge.sources.samples import sample, sample_names

__all__ = [
    "OPTIONS",
    "build",
    "events_in",
    "fields",
    "kinds_of",
    "known_events",
    "known_kinds",
    "own_events",
    "sample",
    "sample_event",
    "sample_names",
    "tellers",
]

OPTIONS: Mapping[str, type[BaseModel]] = {"eduzz": EduzzOptions, "generic": GenericOptions}
"""The options of each type of source, checked when the configuration is loaded."""


def build(name: str, options: BaseModel) -> Source:
    """Return the source called `name`; raises TypeError for options that are no source's."""
    match options:
        case EduzzOptions():
            return EduzzSource(name, options)
        case GenericOptions():
            return GenericSource(name, options)
        case _:
            raise TypeError(f"{type(options).__name__} are not the options of a source")


def known_events() -> Mapping[str, str]:
    """Return the neutral kind of every event that is known by name, by its type."""
    return {name: known.kind for name, known in eduzz_events.EVENTS.items()}


def own_events() -> Mapping[str, tuple[str, ...]]:
    """Return the types of the bridge's own events, with the kinds each can have."""
    return {**trouble.TYPES, COMPLETED_TYPE: (COMPLETED,)}


def tellers() -> frozenset[str]:
    """Return the products that send an event of their own when a course is done: `alpaclass`."""
    return frozenset(name.partition(".")[0] for name, kind in known_events().items() if kind == COMPLETED)


def known_kinds() -> frozenset[str]:
    """Return every neutral kind that a known event can have; a check-in has two, done and undone."""
    return eduzz_events.kinds()


def kinds_of(name: str) -> tuple[str, ...]:
    """Return every kind that events of a known type can have; none for an unknown type."""
    known = eduzz_events.EVENTS.get(name)
    if known is None:
        return ()
    return (known.kind, known.undone[1]) if known.undone else (known.kind,)


@cache
def fields(name: str) -> frozenset[str]:
    """Return every path that events of a type carry, as its sample shows them; none without a sample.

    `data.items[].name` stands in the elements of an array; below `data.chargeback.*` anything may stand.
    """
    event = sample_event(name)
    if event is None:
        return frozenset()
    free = frozenset[str]()
    if name not in own_events():
        free = eduzz_events.FREE | {f"raw.{path}" for path in eduzz_events.FREE}
    return frozenset(paths_in(event.facts(), free))


def sample_event(name: str) -> Event | None:
    """Return the event of a type's sample as its source reads it; None without a sample."""
    if name in own_events():
        own = COMPLETION if name == COMPLETED_TYPE else SAMPLE
        parsed = OwnSource().parse(_request(own.encode()))
        return parsed[0] if isinstance(parsed, tuple) and parsed else None
    return next(iter(events_in(sample(name) or b"")), None)


def events_in(body: bytes) -> tuple[Event, ...]:
    """Return the events of a body that a known platform sends, as its source reads them; else none."""
    # Parsing asks for no secret.
    source = EduzzSource("eduzz", EduzzOptions(type="eduzz", secrets=(SecretStr("not-a-secret-of-anyone"),)))
    parsed = source.parse(_request(body))
    return parsed if isinstance(parsed, tuple) else ()


def _request(body: bytes) -> Request:
    return Request({}, body, datetime(2026, 1, 1, tzinfo=UTC))
