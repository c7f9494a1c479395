"""What the events that a rule names carry, by the shipped samples, and what to say of a path they lack."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from msgspec import Struct

from bridge.core.events import OF_CATALOGUE, PROGRESS_FIELDS, VOCABULARY
from bridge.core.paths import FactPath
from bridge.core.problems import Path, Problem
from bridge.core.routing import is_named
from bridge.sources import registry as sources
from bridge.sources.inventory import ANYTHING, ARRAY

_NEAR = 0.8
"""Nearer than this to a name that is there is a slip of the keyboard: `titel`, `curse`."""
_FEW = 8
_SHOWN = 3
_DIGITS = re.compile(r"[0-9]")
_GROUPS = frozenset(name for name, members in VOCABULARY.items() if members != ())
_SHAPED = frozenset(name for name, members in VOCABULARY.items() if members is None)
"""The names below which the platform decides what stands."""


class EventTypes(Struct, frozen=True):
    """The known types of events with the kinds each can have.

    `open_ended` says that some source has events of its own, which may share a kind with known ones.
    """

    kinds: Mapping[str, tuple[str, ...]]
    open_ended: bool

    def named(self, on: Iterable[str]) -> dict[str, tuple[str, ...]] | None:
        """Return the types that `on` names, with their kinds; None when others may be meant as well."""
        found: dict[str, tuple[str, ...]] = {}
        for name in on:
            types = {
                each: tuple(kind for kind in kinds if is_named(name, each, kind))
                for each, kinds in self.kinds.items()
            }
            meant = {each: kinds for each, kinds in types.items() if kinds}
            if not meant or (self.open_ended and name not in self.kinds):
                return None
            for each, kinds in meant.items():
                found[each] = tuple(dict.fromkeys((*found.get(each, ()), *kinds)))
        return found


class Shape(Struct, frozen=True):
    """The paths that some events have between them, as names joined by dots.

    Below those in `free` anything may stand, and those in `lists` hold several values.
    """

    paths: frozenset[str]
    free: frozenset[str]
    lists: frozenset[str]


class Carried(Struct, frozen=True):
    """What the events that a rule names carry; `names` is what the person called these events."""

    names: str
    shape: Shape

    @classmethod
    def by(cls, on: Iterable[str], types: Iterable[str]) -> Carried:
        """Gather what events of these types carry."""
        names = list(dict.fromkeys(on))
        shown = " or ".join(names[:_SHOWN]) + (" or …" if len(names) > _SHOWN else "")
        return cls(shown, _shape(frozenset(types)))

    def is_single(self, path: FactPath) -> bool:
        """Return whether the path leads to one value at most, as far as it is known of these events."""
        if path.steps[0] not in _SHAPED:
            return True
        places = [".".join(map(str, path.steps[:length])) for length in range(1, len(path.steps) + 1)]
        return (
            places[-1] in self.shape.paths
            and self.shape.lists.isdisjoint(places)
            and self.shape.free.isdisjoint(places)
        )

    def lacks(self, path: FactPath) -> bool:
        """Return whether none of these events has the path."""
        return self._missing(path) is not None

    def first_of_lists(self, path: FactPath) -> str | None:
        """Return the path with `[0]` where it meets a list and names no element; None if nowhere."""
        here, text = "", ""
        met = False
        for place, step in enumerate(path.steps):
            if isinstance(step, int):
                text += f"[{step}]"
                continue
            here, text = _below(here, step), _below(text, step)
            if here in self.shape.lists and not isinstance(next(iter(path.steps[place + 1 :]), None), int):
                text, met = f"{text}[0]", True
        return text if met else None

    def problem(self, path: FactPath, where: Path) -> Problem | None:
        """Return what is wrong with a path that none of these events has.

        A slip of the keyboard is an error; the rest is a warning, since platforms add fields without notice.
        """
        missing = self._missing(path)
        if missing is None:
            return None
        above, name = missing
        beside = sorted(each for each in self.shape.paths if each.rpartition(".")[0] == above)
        sentence = f"no event of {self.names} has '{_below(above, name)}'"
        near = _nearest(name, [each.rpartition(".")[2] for each in beside]) if above else None
        if near is not None:
            meant = _below(above, near)
            return Problem(where, f"{sentence}, did you mean '{meant}'?", warning=path.steps[0] == "raw")
        return Problem(where, sentence + self._instead(above, path, beside), warning=True)

    def _missing(self, path: FactPath) -> tuple[str, str] | None:
        """Return the part of a path that is there, and the name that is not."""
        above = ""
        for name in (step for step in path.steps if isinstance(step, str)):
            if above in self.shape.free:
                return None
            here = _below(above, name)
            if here not in self.shape.paths:
                return (above, name) if path.steps[0] in _GROUPS else None
            above = here
        return None

    def _instead(self, above: str, path: FactPath, beside: list[str]) -> str:
        """Say what there is instead: the same name elsewhere, or the names beside it."""
        if not above:
            return ""
        if not beside:
            return f"; '{above}' is a plain value"
        name = f".{path.steps[-1]}"
        same = sorted(
            each for each in self.shape.paths if each.startswith(f"{path.steps[0]}.") and each.endswith(name)
        )
        there = same if 0 < len(same) <= _SHOWN else beside
        if len(there) > _FEW:
            return ""
        return f"; there {'is' if len(there) == 1 else 'are'} {', '.join(there)}"


class Uncatalogued:
    """Stands for what events carry where the configuration has no course."""

    def problem(self, path: FactPath, where: Path) -> Problem | None:
        """Return an error for a path that only events of catalogued courses have."""
        if not any(path.text == each or path.text.startswith(f"{each}.") for each in OF_CATALOGUE):
            return None
        return Problem(
            where,
            f"'{path.text}' is known for courses in the catalogue only; list the course under `courses:`",
        )

    def first_of_lists(self, path: FactPath) -> str | None:  # noqa: ARG002 - has the shape of `Carried`
        """Return None: nothing is known of lists."""
        return None


@lru_cache(maxsize=1000)
def _shape(types: frozenset[str]) -> Shape:
    paths = {path for each in types for path in _fields(each)}
    free = {path.removesuffix(ANYTHING) for path in paths if path.endswith(ANYTHING)}
    return Shape(
        frozenset(path.replace(ARRAY, "") for path in paths if not path.endswith(ANYTHING)),
        frozenset(path.replace(ARRAY, "") for path in free),
        frozenset(before for path in paths for before in _before_arrays(path)),
    )


def _fields(name: str) -> frozenset[str]:
    """Return the paths of a type's events, those that the course catalogue adds among them."""
    paths = sources.fields(name)
    if "course.id" not in paths:
        return paths
    added = {"module.is_last"} if "module.id" in paths else set()
    if "learner" in paths:
        added |= {"progress", *(f"progress.{each}" for each in PROGRESS_FIELDS)}
    return paths | added


def _before_arrays(path: str) -> Iterator[str]:
    """Yield the path before each array on the way."""
    parts = path.removesuffix(ANYTHING).split(ARRAY)
    for count in range(1, len(parts)):
        yield "".join(parts[:count])


def _below(above: str, name: str) -> str:
    return f"{above}.{name}" if above else name


def _nearest(name: str, known: list[str]) -> str | None:
    """Return the name that was probably meant; `phone2` beside `phone` is another name, not a slip."""
    slips = [each for each in known if _is_slip(name.casefold(), each.casefold())]
    return max(slips, key=lambda each: _likeness(name.casefold(), each.casefold()), default=None)


def _is_slip(typed: str, meant: str) -> bool:
    if typed == meant or sorted(typed) == sorted(meant):
        return True
    if abs(len(typed) - len(meant)) > 1 or _DIGITS.sub("", typed) == _DIGITS.sub("", meant):
        return False
    return _likeness(typed, meant) >= _NEAR


def _likeness(typed: str, meant: str) -> float:
    return difflib.SequenceMatcher(None, typed, meant).ratio()
