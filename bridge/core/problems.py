"""A problem in what a person wrote, and the "did you mean" that goes with unknown names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from msgspec import Struct

Path = tuple[str | int, ...]


class Problem(Struct, frozen=True):
    """One thing that is wrong, as a sentence; `path` is where in the configuration.

    A problem in a template carries `file` and `line` of the template instead of the path's own place.
    A warning does not stop the bridge.
    """

    path: Path
    sentence: str
    file: str | None = None
    line: int | None = None
    warning: bool = False


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `, did you mean 'x'?` for the known word nearest to `word`, or an empty string."""
    near = nearest(word, known)
    return f", did you mean '{near}'?" if near else ""


def nearest(word: str, known: Iterable[str], alike: float = 0.6) -> str | None:
    """Return the known word nearest to `word`, in any case of letters; None where none is alike, 0 to 1."""
    by_folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=alike)
    return by_folded[near[0]] if near else None


def dotted(path: Path) -> str:
    """Return a path as people read it: `rules[0].when.course.title`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def describe(value: object) -> str:
    """Return what a value from YAML is, in words and shortened, for a message."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return f"the text '{value[:40]}{'…' if len(value) > 40 else ''}'"
        case int() | float():
            return f"the number {value}"
        case list():
            return "a list" if value else "an empty list"
        case Mapping():
            return "a mapping" if value else "an empty mapping"
        case _:
            return f"a {type(value).__name__}"
