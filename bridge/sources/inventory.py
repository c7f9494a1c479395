"""Which paths the facts of an event have, so that a rule's paths can be checked before any event comes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

ARRAY = "[]"
"""Ends the path of an array's elements: `data.items[]`, below which `data.items[].name` stands."""
ANYTHING = ".*"
"""Ends a path below which anything may stand: what is null or empty in the sample, or free-form by nature."""


def paths_in(facts: Mapping[str, object], free: Collection[str] = ()) -> Iterator[str]:
    """Yield every path in the facts; below those in `free`, people choose the names themselves."""
    for name, value in facts.items():
        yield from _paths(name, value, free)


def _paths(path: str, value: object, free: Collection[str]) -> Iterator[str]:
    yield path
    if value in (None, {}, []) or path in free:
        yield path + ANYTHING
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from _paths(f"{path}.{name}", member, free)
    elif isinstance(value, list):
        for item in value:
            yield from _paths(path + ARRAY, item, free)
