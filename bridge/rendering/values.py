"""What flows through a template: absent values, printed values, and pieces of markup with values inside.

A rendering yields pieces: `str` is what the author wrote outside `{{ }}`, `Printed` is a value, `Fragment` a
captured run of both. Only the author's text is markup, so nothing in a value can become any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time

from jinja2 import StrictUndefined, Undefined
from msgspec import Struct

from bridge.rendering.limits import MAX_ITEMS, MAX_VALUES, Fault, Spot, bounded_join, bounded_sum

ABSENT = "is absent in this event; write `| default(...)`, or ask `is defined` first"

HUGE = "is too large a number to print"
MAX_PRINTED_BITS = 14_000
"""Size of a whole number that has a text: Python makes none of more than 4,300 digits."""


class Absent(StrictUndefined):
    """A name that this event does not have. It may be asked for members, given a default, or tested."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return self._undefined_hint or f"'{self._undefined_name}' {ABSENT}"

    @property
    def path(self) -> str:
        """The whole path, as far as it is known."""
        return str(self._undefined_name)


class Printed(Struct, frozen=True):
    """One `{{ }}`: its value, how the author wrote it if that is a path, and where it stands."""

    value: object
    label: str | None = None
    spot: Spot | None = None

    def text(self) -> str:
        """Return the value as text; raise `Fault`, with the spot, for what has no text."""
        if type(self.value) is str:
            return self.value
        try:
            return text_of(self.value)
        except Fault as fault:
            raise self.fault(fault.why) from None

    def fault(self, why: str) -> Fault:
        """Return the fault that says, with the value's name and spot, why it cannot stand there."""
        what = f"'{self.label}'" if self.label else "what is printed here"
        return Fault(f"{what} {why}", self.spot)


class Fragment:
    """What `{% set %}…{% endset %}`, a macro or a call block captured; printed as it is, or used as text."""

    __slots__ = ("pieces",)

    def __init__(self, pieces: tuple[str | Printed, ...]) -> None:
        self.pieces = pieces

    @classmethod
    def of(cls, pieces: Iterable[object]) -> Fragment:
        """Capture what a template yielded; the environment's `concat`."""
        flat = tuple(flatten(pieces))
        if len(flat) > MAX_VALUES:
            raise Fault(f"captures more than {MAX_VALUES:,} values in one block")
        return cls(flat)

    def __str__(self) -> str:
        return bounded_join(p if isinstance(p, str) else p.text() for p in self.pieces)

    def __bool__(self) -> bool:
        return bool(str(self))

    def __len__(self) -> int:
        return len(str(self))

    def __eq__(self, other: object) -> bool:
        return str(self) == (str(other) if isinstance(other, Fragment) else other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __contains__(self, part: str) -> bool:
        return part in str(self)

    def __getitem__(self, key: slice) -> str:
        return str(self)[key]


_SINGLE = frozenset((str, Printed))
_TEXT = frozenset((str,))


def flatten(pieces: Iterable[object]) -> list[str | Printed]:
    """Return the text and values of what a template yielded, captured ones included."""
    single = list(pieces)
    if _SINGLE.issuperset(map(type, single)):
        return single  # type: ignore[return-value]  # just seen
    flat: list[str | Printed] = []
    for piece in single:
        if isinstance(piece, str | Printed):
            flat.append(piece)
        elif isinstance(piece, Fragment):
            flat += piece.pieces
        else:
            raise TypeError(piece)
    return flat


def text_of(value: object) -> str:
    """Return a value as text; raise `Fault` with the end of a sentence for what has no text.

    Times are ISO 8601, `true` and `false` are words, a whole number has no `.0`.
    """
    match value:
        case str() | Fragment():
            return str(value)
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return f"{value:.0f}"
        case int() if value.bit_length() > MAX_PRINTED_BITS:
            raise Fault(HUGE)
        case int() | float():
            return str(value)
        case datetime() | time():
            return value.isoformat(timespec="seconds")
        case date():
            return value.isoformat()
        case Undefined() if not isinstance(value, Absent):
            return ""  # Jinja's own `{{ 'x' if y }}` where y does not hold
    raise Fault(_why_no_text(value))


def _why_no_text(value: object) -> str:
    match value:
        case Absent():
            return f"holds '{value.path}', which is absent in this event"
        case None:
            return "is null in this event; write `| default(...)`"
        case Mapping():
            return "is a group of values, not text; name one of its members"
        case Iterable():
            return "is a list, not text; use `| join(', ')` or a loop"
        case _:
            return "has no text"


def native_of(value: object) -> object:
    """Return a value as plain JSON types, for a leaf of a structure that is one expression.

    Times become ISO 8601 text, what is not JSON raises `Fault`.
    """
    return value if type(value) is str else _native(value, [MAX_ITEMS])


def _native(value: object, left: list[int]) -> object:
    left[0] -= 1
    if left[0] < 0:
        raise Fault(f"holds more than {MAX_ITEMS:,} items")
    match value:
        case int() if value.bit_length() > MAX_PRINTED_BITS:
            raise Fault(HUGE)
        case str() | bool() | int() | float() | None:
            return value
        case Absent() | Fragment() | datetime() | date() | time():
            return text_of(value)
        case Mapping():
            return {text_of(key): _native(item, left) for key, item in value.items()}
        case Undefined():
            return None
        case list() | tuple() | range():
            return [_native(item, left) for item in value]
        case _:
            raise Fault("is nothing that JSON can hold")


def joined(parts: Iterable[object], between: str = "") -> str | Fragment:
    """Join parts as text, or as a fragment when one of them is: then its markup stays markup."""
    given = tuple(parts)
    if _TEXT.issuperset(map(type, given)):
        texts: tuple[str, ...] = given  # type: ignore[assignment]  # just seen
        bounded_sum(texts, len(between))
        return between.join(texts)
    whole: list[object] = []
    for part in given:
        if isinstance(part, Absent):
            str(part)
        if whole and between:
            whole.append(between)
        whole.append(part)
    if any(isinstance(part, Fragment) for part in whole):
        return Fragment.of(p if isinstance(p, Fragment) else Printed(p) for p in whole)
    return bounded_join(Printed(part).text() for part in whole)
