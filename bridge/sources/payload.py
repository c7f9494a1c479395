"""Reading what platforms send: JSON bytes to an object, and its values to texts, times, people and things.

Everything here is lenient about values and strict about bytes, and nothing here raises.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import GenericAlias, UnionType
from typing import TypeVar

import msgspec

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

REMEMBERED, REMEMBERED_CHARS = 500, 200
"""Of how many things of a kind it is remembered how they read, and how long each of their texts may be."""

Made = TypeVar("Made")

_BOM = b"\xef\xbb\xbf"
_DECODE = msgspec.json.Decoder().decode
_SHALLOW_LEVELS = 6
"""Levels of nesting of what platforms send; no more need be asked of it than that it is no deeper."""
_PLAIN = None | bool | int | float | str


def _nested(levels: int) -> UnionType:
    """Return the type of JSON with at most so many levels of objects and lists."""
    if not levels:
        return _PLAIN
    inner = _nested(levels - 1)
    return _PLAIN | GenericAlias(list, (inner,)) | GenericAlias(dict, (str, inner))


_DECODE_SHALLOW: Callable[[bytes], dict[str, object]] = msgspec.json.Decoder(
    GenericAlias(dict, (str, _nested(_SHALLOW_LEVELS - 1)))
).decode
_ESCAPES = re.compile(
    rb"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)
"""A backslash, a pair of surrogates, or half of one, which UTF-8 cannot hold (RFC 8259, section 8.2)."""
_NUMBERS = (int, float)  # made once: `int | float` where it is asked would be made for every value
_TOO_DEEP = f"the body is nested more than {DEPTH_LIMIT} levels deep"
_FIRST_YEAR, _LAST_YEAR = 2000, 2199
_MILLISECONDS_FROM = 100_000_000_000


def read_object(body: bytes) -> dict[str, object] | Unsupported | Malformed:
    """Read a body that should be one JSON object in UTF-8.

    Integers are exact whatever their size. Repeated keys: the last one counts. Half of a character, as where
    a platform cut a text in an emoji, is read as U+FFFD. What is no JSON by RFC 8259 (NaN, fractions beyond a
    double) or is nested too deeply is `Malformed`.
    """
    try:
        return _DECODE_SHALLOW(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _read_closely(body)


def _read_closely(body: bytes) -> dict[str, object] | Unsupported | Malformed:
    """Read what is out of the ordinary: deep, mended, or no object in JSON at all."""
    document = body.removeprefix(_BOM)
    try:
        value = _read(document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Malformed(f"the body is not JSON in UTF-8: {error}")
    except RecursionError:
        return Malformed(_TOO_DEEP)
    if not isinstance(value, dict):
        return Unsupported("the body is JSON but not an object, so it names no event")
    if document.count(b"{") + document.count(b"[") > DEPTH_LIMIT and _is_deep(value):
        return Malformed(_TOO_DEEP)
    return value


def _read(document: bytes) -> object:
    try:
        return _DECODE(document)
    except msgspec.DecodeError:
        return _DECODE(_ESCAPES.sub(lambda found: found[1] or rb"\ufffd", document))


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
            try:
                read = datetime.fromisoformat(value)
            except ValueError:  # it may still be one with white space around it, or in lower case
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


class Remembered(dict[tuple[object, ...], Made]):
    """What is made of some values of an object, by these values: what comes again and again is made once.

    Not for people who learn: they differ from event to event, and are nobody's to be remembered.
    """

    def __init__(self, make: Callable[..., Made]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, values: tuple[object, ...]) -> Made:
        """Make it, and keep it where all that was read are short texts."""
        made = self.make(*values)
        if all(map(_is_short, values)):
            if len(self) == REMEMBERED:
                self.clear()
            self[values] = made
        return made


def person(value: object) -> Person | None:
    """Return the person an object describes, or None when it says nothing about one."""
    if not isinstance(value, dict):
        return None
    return made_person(value.get("id"), value.get("name"), value.get("email"))


def made_person(id_: object, name: object, email: object) -> Person | None:
    """Return the person whom these describe, or None when they say nothing about one."""
    read_id = None if id_ is None else text(id_)
    read_name = None if name is None else text(name)
    address = None if email is None else text(email)
    if address is not None and len(address) > EMAIL_LIMIT:
        address = None
    if read_id is None and read_name is None and address is None:
        return None
    return Person(id=read_id, name=read_name, email=address)


def thing(value: object) -> Thing | None:
    """Return the module or lesson that an object describes, or None when it says nothing about one."""
    if not isinstance(value, dict):
        return None
    found = (value.get("id"), value.get("title"), value.get("name"))
    try:
        return _things[found]
    except TypeError:  # an array or an object stands where a text should
        return made_thing(*found)


def made_thing(*values: object) -> Thing | None:
    """Return a thing; the first text of all values but the last two is its id, of those its title."""
    id_, title = _first_text(values[:-2]), _first_text(values[-2:])
    return None if id_ is None and title is None else Thing(id=id_, title=title)


_things = Remembered(made_thing)


def event_name(value: object) -> str | None:
    """Return an event's type, or None when it is no name: empty, huge, or with control characters."""
    name = text(value) if isinstance(value, str) else None
    return name if name is not None and len(name) <= NAME_LIMIT and name.isprintable() else None


def delivery_key(event_id: object, body: bytes) -> str:
    """Return the event's id as a key of bounded length, or a digest of the body when it has none."""
    key = text(event_id)
    if key is None:
        return _sha256(body)
    if len(key) <= NAME_LIMIT and key.isprintable():
        return key
    return _sha256(key.encode("utf-8", "surrogatepass"))


def _first_text(values: Iterable[object]) -> str | None:
    return next((found for value in values if (found := text(value)) is not None), None)


def _is_short(value: object) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= REMEMBERED_CHARS)


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
