"""Reading what platforms send: JSON bytes to an object, and its values to texts, times, people and things.

Everything here is lenient about values and strict about bytes, and nothing here raises.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import cast

import orjson

from bridge.core.events import Person, Thing
from bridge.sources.base import Malformed, Request, Unsupported

Path = tuple[str | int, ...]
"""Keys and list positions that lead from an object to a value inside it."""

DEPTH_LIMIT = 64
"""Levels of nesting that are read; everything downstream may walk a payload recursively."""
NAME_LIMIT = 200
"""Characters of an event's id or type that are kept as they are."""
EMAIL_LIMIT = 320
"""Characters of the longest address there can be (RFC 3696, erratum 1690: 64 + 1 + 255)."""

_BOM = b"\xef\xbb\xbf"
_OUTLINE = bytes(
    ord("0") if byte in b"0123456789" else ord(" ") if byte in b" \t\r\n[,:-" else ord("x")
    for byte in range(256)
)
_PERHAPS_OVER_64_BITS = b" " + b"0" * 19
_NUMBERS = (int, float)  # made once: `int | float` where it is asked would be made for every value
_FIRST_YEAR, _LAST_YEAR = 2000, 2199
_MILLISECONDS_FROM = 100_000_000_000


def read_object(body: bytes) -> dict[str, object] | Unsupported | Malformed:
    """Read a body that should be one JSON object in UTF-8.

    Integers are exact whatever their size. Repeated keys: the last one counts. What is no JSON by
    RFC 8259 (NaN, lone surrogates, numbers beyond a double) or is nested too deeply is `Malformed`.
    """
    document = body.removeprefix(_BOM)
    try:
        value: object = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        return Malformed(f"the body is not JSON in UTF-8: {error}")
    if not isinstance(value, dict):
        return Unsupported("the body is JSON but not an object, so it names no event")
    if document.count(b"{") + document.count(b"[") > DEPTH_LIMIT and _is_deep(value):
        return Malformed(f"the body is nested more than {DEPTH_LIMIT} levels deep")
    # orjson turns integers beyond 64 bits into floats; the standard library keeps them, but is slower.
    # An integer follows white space or one of `[ , : -`; the digits of a barcode follow a quote.
    if _PERHAPS_OVER_64_BITS in document.translate(_OUTLINE):
        return cast("dict[str, object]", json.loads(document))
    return value


def content_of(request: Request) -> dict[str, object] | Unsupported | Malformed:
    """Return what `read_object` makes of a request's body, which is read once."""
    content: dict[str, object] | Unsupported | Malformed | None = request.content
    if content is None:
        content = request.content = read_object(request.body)
    return content


def dig(value: object, path: Iterable[str | int]) -> object:
    """Return what the path leads to, or None when a step is missing, null or of another type."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def text(value: object) -> str | None:
    """Return a string without surrounding white space, or a number as digits; None for the rest and for ''.

    NUL characters are dropped, as PostgreSQL stores none.
    """
    if isinstance(value, str):
        return (value.replace("\0", "") if "\0" in value else value).strip() or None
    if value is None or isinstance(value, bool) or not isinstance(value, _NUMBERS):
        return None
    return str(int(value)) if isinstance(value, int) or value.is_integer() else str(value)


def moment(value: object) -> datetime | None:
    """Return an aware UTC time from ISO 8601 text or a Unix time in seconds or milliseconds, else None.

    Lenient as the platforms need it: `T` or a space, any number of fraction digits, `Z`, an offset or
    no zone at all, which means UTC. Years that no event is from (MySQL's 0000, dates written as 20261110)
    are no time.
    """
    try:
        if isinstance(value, str):
            read = datetime.fromisoformat(value.strip().upper())
            if read.tzinfo is not UTC:
                read = read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
        elif isinstance(value, _NUMBERS) and not isinstance(value, bool):
            read = datetime.fromtimestamp(value / 1000 if value >= _MILLISECONDS_FROM else value, UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return read if _FIRST_YEAR <= read.year <= _LAST_YEAR else None


def person(value: object) -> Person | None:
    """Return the person an object describes, or None when it says nothing about one."""
    if not isinstance(value, dict):
        return None
    id_, name, email = text(value.get("id")), text(value.get("name")), text(value.get("email"))
    if email is not None and len(email) > EMAIL_LIMIT:
        email = None
    if id_ is None and name is None and email is None:
        return None
    return Person(id=id_, name=name, email=email)


def thing(
    value: object, ids: Iterable[str] = ("id",), titles: Iterable[str] = ("title", "name")
) -> Thing | None:
    """Return the course, module or lesson that an object describes; the first key with a value counts."""
    if not isinstance(value, dict):
        return None
    id_, title = _first_text(value, ids), _first_text(value, titles)
    return None if id_ is None and title is None else Thing(id=id_, title=title)


def event_name(value: object) -> str | None:
    """Return an event's type, or None when it is no name: empty, huge, or with control characters."""
    name = text(value) if isinstance(value, str) else None
    return name if name is not None and _is_name(name) else None


def delivery_key(event_id: str | None, body: bytes) -> str:
    """Return the event's id as a key of bounded length, or a digest of the body when it has none."""
    if event_id is None:
        return _sha256(body)
    return event_id if _is_name(event_id) else _sha256(event_id.encode("utf-8", "surrogatepass"))


def _first_text(value: Mapping[str, object], keys: Iterable[str]) -> str | None:
    for key in keys:
        if key in value and (found := text(value[key])) is not None:
            return found
    return None


def _is_name(name: str) -> bool:
    return len(name) <= NAME_LIMIT and name.isprintable()


def _sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(DEPTH_LIMIT):
        level = [child for item in level for child in _children(item)]
    return any(isinstance(item, dict | list) for item in level)


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
