"""Moulds: a message with holes in it, made once for each way through a template and filled for each event.

A template's output is taken apart into the way through it, which is the author's text with a gap for each
value, and the values. The same way through the same template gives the same skeleton, where placeholders
stand in the gaps, so Markdown is parsed and style sheets are inlined once for it, with the values away:
nothing in a value can be taken for markup.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, groupby
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

WORTHWHILE = 100
"""Characters of lines without a hole that are worth being told apart."""
_LINE = re.compile(r"[^\n]*\n|[^\n]+")

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
    taken: list[str | None] = []
    for piece in pieces:
        if isinstance(piece, Printed):
            values.append(piece)
            taken.append(None)
        else:
            taken.append(piece)
    if len(values) > MAX_VALUES:
        raise Fault(f"prints more than {MAX_VALUES:,} values", values[MAX_VALUES].spot)
    return tuple(taken)


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
    written = [value.text() for value in values]
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
    """A text with holes, in one form."""

    __slots__ = ("_begin", "_holes")

    def __init__(self, text: str, form: Form) -> None:
        """`text` holds placeholders at their places."""
        self._begin, *literals = PLACEHOLDER.split(text)
        self._holes: list[tuple[Escape, int, str]] = [
            (ESCAPES[form][_place_of(found)], number_of(found), literal)
            for found, literal in zip(PLACEHOLDER.findall(text), literals, strict=True)
        ]
        """How the value that stands there is written, its number, and the text behind it."""

    def fill(self, values: Sequence[Printed], written: Sequence[str]) -> str:
        """Return the text with each value written for its place; `written` are the values' texts."""
        parts = [self._begin]
        for escape, number, literal in self._holes:
            try:
                parts += (escape(written[number]), literal)
            except Fault as fault:
                raise values[number].fault(fault.why) from None
        return "".join(parts)


class LinedMould:
    """A text of lines with holes, in one form; most lines have none, and are the same in each message."""

    __slots__ = ("_runs",)

    def __init__(self, text: str, form: Form) -> None:
        """`text` holds placeholders at their places."""
        self._runs = [(same, Mould(varied, form)) for same, varied in _runs(text)]

    def fill(self, values: Sequence[Printed], written: Sequence[str]) -> Runs:
        """Return the lines of the text with each value written for its place."""
        return tuple([(same, varied.fill(values, written)) for same, varied in self._runs])


def _runs(text: str) -> Iterator[tuple[str, str]]:
    """Yield in pairs what is the same each time and what is not; nor are a few lines between holes."""
    same = varied = ""
    for has_hole, lines in groupby(_LINE.findall(text), lambda line: bool(PLACEHOLDER.search(line))):
        run = "".join(lines)
        if has_hole or len(run) < WORTHWHILE:
            varied += run
        elif varied:
            yield same, varied
            same, varied = run, ""
        else:
            same += run
    yield same, varied


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
