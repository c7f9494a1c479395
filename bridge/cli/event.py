"""EVENT on the command line: a file, standard input, a sample, a stored event; and the source it is from."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from bridge.bootstrap import Services
from bridge.cli.body import Change, added, apply, parse_changes, read_body, write_body
from bridge.cli.exits import ExitCode, Failure, misused, not_found
from bridge.cli.opening import with_services
from bridge.cli.program import say
from bridge.clock import SystemClock
from bridge.config.load import Loaded
from bridge.core.events import Event
from bridge.core.problems import did_you_mean
from bridge.sources import registry
from bridge.sources.base import Malformed, Request, Source, Unsupported
from bridge.sources.own import OwnSource
from bridge.store import details
from bridge.store.database import Connection
from bridge.store.details import Ambiguous, EventDetails, NotFound
from bridge.web.limits import Limits

T = TypeVar("T")
MAX_BYTES = Limits().body_bytes
"""As much as the public listener takes."""
PING = "ping"
PING_BODY = b'{"event":"ping","data":{"message":"ping"}}'


class Found(Struct, frozen=True):
    """The body EVENT leads to; `origin` says where it is from, `stored` is all that the store knows of it."""

    origin: str
    body: bytes
    sample: str | None = None
    stored: EventDetails | None = None

    @property
    def is_ping(self) -> bool:
        """Whether it is the console's connection test, which has no id."""
        return self.sample == PING


def find_body(loaded: Loaded, text: str) -> Found:
    """Return what EVENT names; fails with what else it could have been."""
    if text == "-":
        return Found("standard input", _limited(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input"))
    if _is_file(text):
        return Found(text, _limited(_read(Path(text)), text))
    body = registry.sample(text) or (PING_BODY if text == PING else None)
    if body is not None:
        return Found(f"sample {text}", body, sample=text)
    if text.lstrip().startswith(("{", "[")):
        raise misused("EVENT is a name; a body itself goes to standard input, with - as EVENT")
    if "/" in text or text.endswith(".json"):
        raise not_found(f"there is no file {text}")
    return _stored(loaded, text)


def with_changes(found: Found, texts: Sequence[str]) -> Found:
    """Return the event with the values of `path=value` texts in its body."""
    if not texts:
        return found
    body = read_body(found.body, found.origin)
    for change in parse_changes(texts):
        say_added(found, change)
        apply(body, change)
    return replace(found, origin=f"{found.origin}, changed", body=write_body(body))


def say_added(found: Found, change: Change) -> None:
    """Tell on standard error when a change goes to a place that the event does not have: often a slip."""
    new = added(read_body(found.body, found.origin), change)
    if new is not None:
        say(f"{new.path} was not in this event{new.hint or ';'} added")


def pick_source(loaded: Loaded, found: Found, name: str | None) -> Source:
    """Return the source of the event: the one named, the stored one, the only one, or the sample's own."""
    sources = {each: registry.build(each, options) for each, options in loaded.config.sources.items()}
    if name is None and found.stored is not None:
        name = found.stored.entry.source
    if name == OwnSource.name:
        return OwnSource()
    if name is not None:
        if name not in sources:
            hint = did_you_mean(name, sources) or "; there are " + ", ".join(sources)
            raise not_found(f"there is no source '{name}'{hint}")
        return sources[name]
    if len(sources) > 1 and found.sample is not None:
        sources = {each: source for each, source in sources.items() if _reads(source, found)} or sources
    if len(sources) > 1:
        raise misused(
            f"{found.origin} may be from several sources; say which with --source: {', '.join(sources)}"
        )
    return next(iter(sources.values()))


def read_events(found: Found, source: Source, now: datetime) -> tuple[Event, ...]:
    """Return the events of a body as the source reads them, or fail with its reason."""
    headers: Mapping[str, str] = source.outgoing_headers(found.body)
    received_at = now
    if found.stored is not None:
        headers, received_at = found.stored.entry.headers, found.stored.entry.received_at
    parsed = source.parse(Request(headers, found.body, received_at))
    if isinstance(parsed, Malformed | Unsupported):
        raise Failure(f"{found.origin} is no event for source '{source.name}': {parsed.why}")
    return parsed


async def stored_event(services: Services, name: str) -> EventDetails:
    """Return everything about the stored event with this number or whole id."""
    return _only(await _look_up(services, name), name)


def _only(found: EventDetails | NotFound | Ambiguous, name: str) -> EventDetails:
    match found:
        case NotFound():
            raise not_found(f"there is no event '{name}'", "an event is named by its number or its whole id")
        case Ambiguous(candidates):
            raise not_found(
                f"several events are called '{name}'; name one by its number",
                *(f"  {each}" for each in candidates),
            )
        case event:
            return event


def only(found: T | NotFound | Ambiguous, what: str) -> T:
    """Return what was found, or fail because it is nothing or several."""
    match found:
        case NotFound():
            raise not_found(f"there is no {what}")
        case Ambiguous(candidates):
            raise not_found(f"{what} may be several; write more of it", *(f"  {each}" for each in candidates))
        case _:
            return found


async def _look_up(services: Services, name: str) -> EventDetails | NotFound | Ambiguous:
    def query(connection: Connection) -> EventDetails | NotFound | Ambiguous:
        found = details.find_event(connection, name)
        return details.show_event(connection, found) if isinstance(found, int) else found

    return await services.database.read(query)


def _stored(loaded: Loaded, text: str) -> Found:
    near = did_you_mean(text, registry.sample_names()).replace(", did you mean", "; did you mean the sample")
    unknown = f"nothing is called '{text}'{near}"
    try:
        found = with_services(loaded, lambda services: _look_up(services, text))
    except Failure as failure:
        first = unknown if failure.code is ExitCode.NOT_FOUND else f"'{text}' cannot be looked up"
        raise Failure(first, *failure.lines, code=failure.code) from None
    if isinstance(found, NotFound):
        raise not_found(
            unknown,
            "EVENT is a file, a sample (`bridge samples`), or a stored event: its number or its whole id",
        )
    event = _only(found, text)
    return Found(f"stored event {event.row.seq}", event.entry.body, stored=event)


def _reads(source: Source, found: Found) -> bool:
    """Return whether a source takes a sample for the event it is a sample of."""
    headers = source.outgoing_headers(found.body)
    parsed = source.parse(Request(headers, found.body, SystemClock().now()))
    return not isinstance(parsed, Malformed | Unsupported) and any(
        event.type == found.sample for event in parsed
    )


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:  # too long for a name
        return False


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise not_found(f"{path} cannot be read: {error.strerror}") from None


def _limited(body: bytes, origin: str) -> bytes:
    if len(body) > MAX_BYTES:
        raise Failure(f"{origin} has more than {MAX_BYTES} bytes; no source takes that much")
    return body
