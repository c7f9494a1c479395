"""Where a path ends that leads nowhere, what stands there instead, and which name was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from bridge.core.events import Facts
from bridge.core.near_values import sort_of
from bridge.core.paths import FactPath, parse_path
from bridge.core.problems import dotted

_NEAR = 0.6
"""How alike two names are, of 1, when one may be a slip of the other."""


class Ends(Struct, frozen=True):
    """A path ends at `at` (empty: the event itself), where there is no `step`.

    `stands` says what is there; `names` are its members, if it is an object. `meant` is the whole path with
    the name that was probably meant, and `fits` whether the condition would hold there.
    """

    at: str
    step: str | int
    stands: str
    names: tuple[str, ...]
    meant: str | None = None
    fits: bool = False


def path_end(path: FactPath, facts: Facts, holds: Callable[[list[object] | None], bool]) -> Ends | None:
    """Return where a path ends, None if it does not; `holds` is the test of what it would lead to."""
    here: list[object] = [facts]
    for place, step in enumerate(path.steps):
        there = _after(here, step)
        if not there:
            return _ends(path, place, here, facts, holds)
        here = there
    return None


def _ends(
    path: FactPath, place: int, here: list[object], facts: Facts, holds: Callable[[list[object] | None], bool]
) -> Ends:
    step, names = path.steps[place], _names(here)
    made = Ends(dotted(path.steps[:place]), step, _stands(here), names)
    near = difflib.get_close_matches(step, names, n=1, cutoff=_NEAR) if isinstance(step, str) else []
    meant = dotted((*path.steps[:place], *near, *path.steps[place + 1 :])) if near else None
    other = parse_path(meant) if meant else None
    values = other.values(facts) if isinstance(other, FactPath) else None
    if meant is None or values is None:
        return made
    return Ends(made.at, step, made.stands, names, meant, holds(values))


def _after(nodes: list[object], step: str | int) -> list[object]:
    if isinstance(step, int):
        return [node[step] for node in nodes if isinstance(node, list | tuple) and step < len(node)]
    return [node[step] for node in _spread(nodes) if isinstance(node, Mapping) and step in node]


def _stands(nodes: list[object]) -> str:
    lists = [node for node in nodes if isinstance(node, list | tuple)]
    if lists:
        return f"a list of {len(lists[0])}"
    return sort_of(nodes[0])


def _names(nodes: list[object]) -> tuple[str, ...]:
    found = (str(name) for node in _spread(nodes) if isinstance(node, Mapping) for name in node)
    return tuple(dict.fromkeys(found))


def _spread(nodes: list[object]) -> Iterator[object]:
    for node in nodes:
        if isinstance(node, list | tuple):
            yield from _spread(list(node))
        else:
            yield node
