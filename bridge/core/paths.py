"""Paths into an event's facts: `data.course.hash`, `data.courses[].hash`, `data.items[0].name`.

An array met on the way stands for each of its elements, so a path leads to any number of values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from msgspec import Struct

from bridge.core.events import VOCABULARY, Facts
from bridge.core.problems import did_you_mean
from bridge.core.values import key_text

# `a[][0]` is refused: it reads as the first of each element, while `[]` only says what an array means anyway.
_SEGMENT = re.compile(r"(?P<name>[^.\[\]\s]+)(?P<indexes>(?:\[[0-9]{1,9}\])*)(?:\[\])*")
_INDEX = re.compile(r"[0-9]+")
_ARRAYS = (list, tuple)  # made once: `list | tuple` where it is asked would be made for every value


class FactPath(Struct, frozen=True):
    """A parsed path; `steps` are names and array indexes, and an array without an index means any element."""

    text: str
    steps: tuple[str | int, ...]

    def values(self, facts: Facts) -> list[object] | None:
        """Return every value the path leads to, or None when it leads nowhere.

        An array at the end counts as its elements; an empty array is there but has no values.
        """
        node: object = facts
        for step in self.steps:
            # Nearly every path meets nothing but objects on its way, as parsed JSON and facts have them.
            if type(node) is not dict:
                return self._walked(facts)
            if step not in node:
                return None
            node = node[step]
        return list(_spread([node])) if isinstance(node, _ARRAYS) else [node]

    def _walked(self, facts: Facts) -> list[object] | None:
        """Return the same through arrays and mappings of any kind."""
        nodes: list[object] = [facts]
        for step in self.steps:
            nodes = list(_step(nodes, step))
            if not nodes:
                return None
        return list(_spread(nodes))

    def one(self, facts: Facts) -> str | None:
        """Return the single value as text, for keys; None when absent, null, several or no scalar."""
        values = self.values(facts)
        return key_text(values[0]) if values is not None and len(values) == 1 else None


@lru_cache(maxsize=10_000)
def parse_path(text: str) -> FactPath | str:
    """Parse a path, or return a sentence that says what is wrong with it; rules share their paths."""
    steps: list[str | int] = []
    for part in text.split("."):
        found = _SEGMENT.fullmatch(part)
        if found is None:
            return f"'{text}' is not a path; expected names joined by dots, such as 'data.course.hash'"
        steps.append(found["name"])
        steps.extend(int(index) for index in _INDEX.findall(found["indexes"]))
    return unknown_name(text, steps) or FactPath(text, tuple(steps))


def unknown_name(text: str, steps: list[str | int]) -> str | None:
    """Say which name of a path no event can have, or None when the vocabulary allows it."""
    first = str(steps[0])
    if first not in VOCABULARY:
        return f"no event has '{first}'{_meant(first, VOCABULARY)}"
    members = VOCABULARY[first]
    if members is None or len(steps) == 1:
        return None
    second = str(steps[1])
    if not members:
        return f"'{first}' is a plain value and has no '{second}'"
    if second not in members:
        return f"no event has '{text}'{_meant(second, members, f'{first}.')}"
    return f"'{first}.{second}' is a plain value and has no '{steps[2]}'" if len(steps) > 2 else None


def _meant(name: str, known: Iterable[str], prefix: str = "") -> str:
    near = did_you_mean(name, known).replace("'", f"'{prefix}", 1)
    return near or f"; known are {', '.join(prefix + each for each in known)}"


def _step(nodes: list[object], step: str | int) -> Iterator[object]:
    if isinstance(step, int):
        for node in nodes:
            if isinstance(node, _ARRAYS) and step < len(node):
                yield node[step]
        return
    for node in _spread(nodes):
        if isinstance(node, Mapping) and step in node:
            yield node[step]


def _spread(nodes: list[object]) -> Iterator[object]:
    for node in nodes:
        if isinstance(node, _ARRAYS):
            yield from _spread(list(node))
        else:
            yield node
