"""How near one text came to another: a slip of the keyboard, only case, only spaces, the wrong end."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from bridge.core.value_tests import Matches, Text
from bridge.core.values import fold, nfc, text_of

CLOSE = 3
"""Texts that differ in at most this many characters, and at most a third of them, may be slips."""
_LONGEST = 200
"""Characters of the longest text that is compared letter by letter."""
_LEAST = 3
"""Characters up to which another text is another word, and no slip."""


class Alike(Struct, frozen=True):
    """The texts differ only in this; `mend` is the word of the configuration that would forgive it."""

    how: Literal["case", "accents", "edges", "spaces"]
    wanted: str
    mend: Literal["ignore_case", "(?i)"] | None = None


class Slip(Struct, frozen=True):
    """The texts differ in so few characters (edit distance) that one may be a slip; `of` is their length."""

    wanted: str
    found: str
    differs: int
    of: int


class Shares(Struct, frozen=True):
    """The text has the first (of a suffix: the last) `shared` of the `of` characters that were wanted."""

    operator: Literal["prefix", "suffix"]
    wanted: str
    shared: int
    of: int


class Elsewhere(Struct, frozen=True):
    """The text contains what was wanted, but not where: not at its beginning, end, or as a whole."""

    operator: Literal["prefix", "suffix", "equals"]
    wanted: str


TextNear = Alike | Slip | Shares | Elsewhere


def near_text(test: Text, value: object) -> Iterator[TextNear]:
    """Yield how near a value came to a text operator."""
    text = text_of(value)
    if text is None:
        return
    wanted = nfc(test.operand)
    if test.folded:
        text, wanted = fold(text), fold(wanted)
    match test.operator:
        case "equals":
            yield from near_whole(wanted, text)
        case "contains":
            yield from _near_part(wanted, text)
        case "prefix" | "suffix":
            yield from _near_end(test.operator, wanted, text)


def near_whole(wanted: str, found: str) -> Iterator[TextNear]:
    """Yield how near two whole texts are that should be equal."""
    how = _alike(wanted, found)
    if how:
        yield Alike(how, wanted, _mend(how))
        return
    yield from _slips(wanted, [found])
    if len(wanted) > _LEAST and not wanted.isdigit() and wanted in found:
        yield Elsewhere("equals", wanted)


def near_pattern(test: Matches, value: object) -> Iterator[Alike]:
    """Yield how near a value came to a glob or a regular expression."""
    text = text_of(value)
    if text is None:
        return
    if test.pattern.search(text.strip()) is not None:
        yield Alike("edges", test.operand)
    if test.operator == "glob" and not test.folded:
        if re.search(r"\A" + fnmatch.translate(fold(test.operand)), fold(text)):
            yield Alike("case", test.operand, "ignore_case")
    elif test.operator == "regex" and any(test.pattern.search(text) for text in (text.lower(), text.upper())):
        yield Alike("case", test.operand, "(?i)")


def _near_end(operator: Literal["prefix", "suffix"], wanted: str, text: str) -> Iterator[TextNear]:
    parts = [_end(operator, text, len(wanted) + more) for more in (0, 1, -1, 2, -2) if len(wanted) + more > 0]
    how = _alike(wanted, parts[0]) or (
        "edges" if _end(operator, text.strip(), len(wanted)) == wanted else None
    )
    if how:
        yield Alike(how, wanted, _mend(how))
        return
    yield from _slips(wanted, parts)
    if wanted in text:
        yield Elsewhere(operator, wanted)
    shared = _shared(wanted, text) if operator == "prefix" else _shared(wanted[::-1], text[::-1])
    if shared * 2 >= len(wanted):
        yield Shares(operator, wanted, shared, len(wanted))


def _near_part(wanted: str, text: str) -> Iterator[Alike]:
    if wanted.casefold() in text.casefold():
        yield Alike("case", wanted, "ignore_case")
    elif fold(wanted) in fold(text):
        yield Alike("accents", wanted, "ignore_case")
    elif " ".join(wanted.split()) in " ".join(text.split()):
        yield Alike("spaces", wanted)


def _alike(wanted: str, found: str) -> Literal["case", "accents", "edges", "spaces"] | None:
    if wanted.strip() == found.strip():
        return "edges"
    if wanted.casefold() == found.casefold():
        return "case"
    if fold(wanted) == fold(found):
        return "accents"
    return "spaces" if " ".join(wanted.split()) == " ".join(found.split()) else None


def _mend(how: Literal["case", "accents", "edges", "spaces"]) -> Literal["ignore_case"] | None:
    return "ignore_case" if how in ("case", "accents") else None


def _slips(wanted: str, parts: list[str]) -> Iterator[Slip]:
    if wanted.isdigit() or min(len(wanted), len(parts[0])) <= _LEAST:
        return  # another number or a short word is another thing, not a slip
    for part in parts:
        differs = edits(wanted, part, min(CLOSE, len(wanted) // 3))
        if differs is not None:
            yield Slip(wanted, part, differs, max(len(wanted), len(part)))


def _end(operator: str, text: str, length: int) -> str:
    return text[:length] if operator == "prefix" else text[-length:]


def _shared(left: str, right: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(left), len(right)))


def edits(left: str, right: str, most: int) -> int | None:
    """Return the edit distance (Levenshtein) when it is at most `most`, else None.

    Only the cells near the diagonal are computed, and none after a row that is too far, so that telling
    a thousand different ids apart costs little.
    """
    if abs(len(left) - len(right)) > most or max(len(left), len(right)) > _LONGEST:
        return None
    same = _shared(left, right)
    left, right = left[same:], right[same:]
    same = _shared(left[::-1], right[::-1])
    left, right = left[: len(left) - same], right[: len(right) - same]
    row = list(range(len(right) + 1))
    for i, char in enumerate(left, 1):
        low, high = max(1, i - most), min(len(right), i + most)
        following = [most + 1] * (len(right) + 1)
        following[0] = i
        for j in range(low, high + 1):
            following[j] = min(row[j] + 1, following[j - 1] + 1, row[j - 1] + (char != right[j - 1]))
        if min(following[low - 1 : high + 1]) > most:
            return None
        row = following
    return row[-1] if row[-1] <= most else None
