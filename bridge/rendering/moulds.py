"""Moulds: a message with holes in it, made once for each way through a template and filled for each event.

A template's output is taken apart into the way through it, which is the author's text with a gap for each
value, and the values. The same way through the same template gives the same skeleton, where placeholders
stand in the gaps, so Markdown is parsed and style sheets are inlined once for it, with the values away:
nothing in a value can be taken for markup.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Generic, TypeVar

from bridge.core.messages import Runs
from bridge.rendering.escapes import ESCAPES, Escape, Form, Place
from bridge.rendering.limits import MAX_TEXT, MAX_VALUES, Fault
from bridge.rendering.values import Printed

M = TypeVar("M")

# One private-use character per value and place, from planes 15 and 16, which have room for six ranges.
_STRIDE = 0x5000
_STARTS = (0xF0000, 0xF5000, 0xFA000, 0x100000, 0x105000, 0x10A000)
PLACEHOLDER = re.compile("[\U000f0000-\U0010ffff]")
"""Any placeholder, at any place."""
RESERVED = re.compile("[\uf8ff\U000f0000-\U0010ffff]")
"""Characters that a template may not hold, because they stand for values and for the content of a layout."""
CONTENT = "\uf8ff"
"""Stands for the content of a layout."""
KEPT = 256
"""Moulds kept by one template; the way through it is nearly always the same."""

Way = tuple[str | None, ...]
"""The author's text, piece by piece, and None for each value."""


def placeholder(number: int) -> str:
    """Return the placeholder of a value, by its number, as text; `number` is below `MAX_VALUES`."""
    return chr(_STARTS[Place.TEXT] + number)


def way(pieces: Sequence[str | Printed], values: list[Printed]) -> Way:
    """Return the way that a rendering took; the values are appended to `values`.

    Its texts are the template's own objects, so that it is compared in no time. Raises `Fault` for too many
    values.
    """
    values += [piece for piece in pieces if type(piece) is Printed]
    if len(values) > MAX_VALUES:
        raise Fault(f"prints more than {MAX_VALUES:,} values", values[MAX_VALUES].spot)
    return tuple([None if type(piece) is Printed else piece for piece in pieces])  # type: ignore[misc]


def skeletons(ways: Iterable[Way]) -> list[str]:
    """Return the text of each way, its values as placeholders, which are counted through all of them.

    Raises `Fault` for a text that is too long.
    """
    placeholders = map(placeholder, count())
    made = ["".join([next(placeholders) if piece is None else piece for piece in way]) for way in ways]
    if any(len(text) > MAX_TEXT for text in made):
        raise Fault(f"is longer than {MAX_TEXT:,} characters")
    return made


def texts(values: Sequence[Printed]) -> list[str]:
    """Return the values as text; raise `Fault` for what has none, and for too much of it."""
    written = [each.value if type(each.value) is str else each.text() for each in values]
    if sum(map(len, written)) > MAX_TEXT:
        raise Fault(f"is longer than {MAX_TEXT:,} characters")
    return written


def moved(placeholder: str, place: Place) -> str:
    """Return the placeholder of the same value at another place."""
    return chr(_STARTS[place] + number_of(placeholder))


def number_of(placeholder: str) -> int:
    """Return which value a placeholder stands for."""
    return (ord(placeholder) - _STARTS[_place_of(placeholder)]) % _STRIDE


def _place_of(placeholder: str) -> Place:
    return Place(max(place for place, start in enumerate(_STARTS) if ord(placeholder) >= start))


class Mould:
    """A text with holes in it, in one form."""

    __slots__ = ("_holes", "_shared")

    def __init__(self, text: str, form: Form) -> None:
        """`text` holds placeholders at their places."""
        self._shared = tuple(PLACEHOLDER.split(text))
        self._holes: list[tuple[Escape, int]] = [
            (ESCAPES[form][_place_of(found)], number_of(found)) for found in PLACEHOLDER.findall(text)
        ]
        """How the value that stands there is written, and its number."""

    def fill(self, values: Sequence[Printed], written: Sequence[str]) -> Runs:
        """Return the text with each value written for its place; `written` are the values' texts."""
        try:
            own = tuple([escape(written[number]) for escape, number in self._holes])
        except Fault:
            raise self._fault(values, written) from None
        return Runs(self._shared, own)

    def _fault(self, values: Sequence[Printed], written: Sequence[str]) -> Fault:
        """Return the fault of the first value that cannot stand at its place."""
        for escape, number in self._holes:
            try:
                escape(written[number])
            except Fault as fault:
                return values[number].fault(fault.why)
        raise AssertionError("none is at fault")


class Moulds(Generic[M]):
    """The moulds that one template has needed so far."""

    def __init__(self, make: Callable[..., M]) -> None:
        """`make` is called with the skeletons of ways that are new."""
        self._make = make
        self._made: dict[tuple[Way, ...], M] = {}

    def get(self, *ways: Way) -> M:
        """Return what `make` returned for the skeletons of these ways, perhaps earlier."""
        mould = self._made.get(ways)
        if mould is None:
            made = self._make(*skeletons(ways))
            if len(self._made) >= KEPT:
                self._made.clear()
            mould = self._made[ways] = made
        return mould
