"""`bridge samples --fields`: what a template and a rule may use of an event, with examples.

What is known is what the shipped samples show, which follow the platforms' own documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from bridge.cli.exits import not_found
from bridge.cli.tables import Column, show, show_json, show_table
from bridge.cli.text import iso, one_line
from bridge.core.events import PROGRESS_FIELDS, Event, Facts
from bridge.core.problems import did_you_mean
from bridge.sources import registry

EXAMPLE = 44
_ALWAYS, _SOMETIMES = "always", "sometimes"
_RAW = "raw"
_CATALOGUE = "for courses listed under `courses:`"
_MEANINGS = {
    "type": "the platform's own name of the event",
    "kind": "the neutral name, the same for every platform",
    "id": "the event's id",
    "source": "the source's name in config.yaml",
    "occurred_at": "when it happened, in the configured time zone",
    "sent_at": "when the platform sent it, in the configured time zone",
    "test": "whether it is the platform's own test",
    "data": "everything the platform sends of it",
    "raw": "the whole body, as the platform sends it",
    "learner": "the person it is about",
    "learner.name": "as the learner typed it; `| first_name` greets by it",
    "learner.email": "the learner's address",
    "learner.id": "the platform's number of the learner",
    "producer": "whose course it is",
    "producer.name": "the school's or the teacher's name",
    "producer.email": "the producer's address",
    "producer.id": "the platform's number of the producer",
    "course": "the course it is about",
    "course.id": "the platform's id of the course, for Nutror its hash",
    "course.title": "the course's name",
    "module": "the module it is about",
    "module.id": "the platform's id of the module",
    "module.title": "the module's name",
    "module.is_last": "whether it is the last in order",
    "lesson": "the lesson it is about",
    "lesson.id": "the platform's id of the lesson",
    "lesson.title": "the lesson's name",
    "progress": "how far the learner is",
    "progress.done": "modules done",
    "progress.total": "modules of the course",
    "progress.percent": "of the course, 0 to 100",
    "progress.complete": "whether nothing is left to do",
}
_CATALOGUED: Mapping[str, object] = {
    "module.is_last": False,
    "progress": {"done": 2, "total": 4, "percent": 50, "complete": False},
    "progress.done": 2,
    "progress.total": 4,
    "progress.percent": 50,
    "progress.complete": False,
}
_PEOPLE = ("learner", "producer", "course", "module", "lesson")


class Field(Struct, frozen=True):
    """One path that events carry, with an example of its value.

    `missing` says when it is not there; empty for what is always there.
    """

    path: str
    example: object
    meaning: str
    missing: str

    @property
    def presence(self) -> str:
        """In one word."""
        return _SOMETIMES if self.missing else _ALWAYS


def list_fields(names: Sequence[str], *, json: bool) -> None:
    """Print the paths of events of these types or kinds."""
    types = list(dict.fromkeys(each for name in names for each in _types(name)))
    found = list(_fields({each: _event(each).facts() for each in types}))
    if json:
        show_json({"types": types, "fields": [_plain(each) for each in found]})
        return
    show(f"{'Events' if len(types) > 1 else 'An event'} of {', '.join(types)}\n")
    columns = (
        Column("path"),
        Column("there", rank=1),
        Column("example", folds=True),
        Column("what", rank=2, folds=True),
    )
    show_table(columns, [(each.path, each.presence, _shown(each.example), _what(each)) for each in found])
    show(f"\n{_HOW}")


_HOW = (
    "In a template {{ learner.name }}, in a rule's when: learner.name. What is there sometimes needs a\n"
    "default: {{ module.title | default('a module') }}. A list's elements, data.items[], are met by a loop:\n"
    "{% for each in data.items %}{{ each.name }}{% endfor %}. `raw` holds the same as `data`, and more.\n"
    "A template also has `items`, the events that its message is about, and `count`, how many they are:\n"
    "one, or all of a digest, or what quiet hours have held."
)


def _types(name: str) -> Iterator[str]:
    """Yield the types that a type or a kind names, or fail with the nearest."""
    own = registry.own_events()
    kinds = {each: registry.kinds_of(each) for each in registry.known_events()} | dict(own)
    found = [each for each, theirs in kinds.items() if name == each or name in theirs]
    if not found:
        known = [*kinds, *(kind for theirs in kinds.values() for kind in theirs)]
        raise not_found(
            f"no event is of type or kind '{name}'{did_you_mean(name, known)}",
            "`bridge samples` lists them; events of a `generic` source are as their sender writes them",
        )
    yield from (each for each in found if registry.sample_event(each) is not None)


def _event(name: str) -> Event:
    found = registry.sample_event(name)
    assert found is not None  # noqa: S101  # `_types` yields no others
    return found


def _fields(facts: Mapping[str, Facts]) -> Iterator[Field]:
    """Yield every path that one of the types has, those that the catalogue adds among them."""
    walked = {name: dict(_walk(each)) for name, each in facts.items()}
    paths = dict.fromkeys(path for each in walked.values() for path in each)
    for path in sorted(paths, key=_order):
        values = [each[path] for each in walked.values() if path in each]
        example = next((value for value in values if value not in (None, "", [], {})), values[0])
        missing = _missing(path, walked)
        yield Field(path, example, _meaning(path, example, walked), missing)
    if "course.id" in paths and "learner" in paths:
        wanted = ["progress", *(f"progress.{each}" for each in PROGRESS_FIELDS)]
        for path in (["module.is_last"] if "module.id" in paths else []) + wanted:
            yield Field(path, _CATALOGUED[path], _MEANINGS[path], _CATALOGUE)


def _walk(facts: Facts) -> Iterator[tuple[str, object]]:
    """Yield every path with its value; what stands in a list is that of its first element."""
    for name, value in facts.items():
        yield from _below(name, value, deep=name != _RAW)


def _below(path: str, value: object, *, deep: bool) -> Iterator[tuple[str, object]]:
    yield path, value
    if isinstance(value, Mapping) and deep:
        for name, member in value.items():
            yield from _below(f"{path}.{name}", member, deep=True)
    elif isinstance(value, list) and value:
        yield from _below(f"{path}[]", value[0], deep=deep)


def _order(path: str) -> tuple[int, str]:
    """Sort the people and things first, then the event itself, then what the platform sends."""
    top = path.partition(".")[0]
    if top in _PEOPLE:
        return _PEOPLE.index(top), path
    return {"data": 20, _RAW: 21}.get(top, 10), path


def _missing(path: str, walked: Mapping[str, Mapping[str, object]]) -> str:
    without = [name for name, each in walked.items() if path not in each]
    if without:
        return f"not in {', '.join(without)}"
    empty = [name for name, each in walked.items() if each[path] is None]
    return "may be null" if empty else ""


def _meaning(path: str, example: object, walked: Mapping[str, Mapping[str, object]]) -> str:
    if path in _MEANINGS:
        return _MEANINGS[path]
    if isinstance(example, Mapping):
        return "a group"
    if isinstance(example, list):
        return f"a list of {len(example)} in the example"
    same = [
        other
        for other in _MEANINGS
        if other.partition(".")[0] in _PEOPLE
        and all(other in each and each[other] == each[path] for each in walked.values() if path in each)
    ]
    if same and len(str(example)) > 1:
        return f"the same as {same[0]}"
    return _kind(example)


def _kind(value: object) -> str:
    """Return what a value of the platform is, in words."""
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case None:
            return "null in the example"
        case datetime():
            return "a time"
        case str() if re.fullmatch(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*", value):
            return "a time; `| date`, `| time` and `| ago` say it"
        case str() if value.startswith(("https://", "http://")):
            return "an address"
        case _:
            return "text"


def _what(each: Field) -> str:
    return f"{each.meaning}; {each.missing}" if each.missing else each.meaning


def _shown(value: object) -> str:
    match value:
        case datetime():
            return iso(value)
        case Mapping():
            return one_line("{ " + ", ".join(map(str, value)) + " }", EXAMPLE)
        case list():
            return f"[ {len(value)} ]"
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case _:
            return one_line(str(value), EXAMPLE)


def _plain(each: Field) -> dict[str, object]:
    return {
        "path": each.path,
        "always": not each.missing,
        "missing": each.missing or None,
        "example": each.example,
        "meaning": each.meaning,
    }
