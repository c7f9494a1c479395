"""When a rule runs, as a clause: `um aluno conclui o módulo 3253 do curso “Python Básico”`.

Where a rule is about one kind of event, what it asks of the course, the module or the lesson goes into the
clause; the conditions that do not are given back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from string import Formatter

from msgspec import Struct

from bridge.core.conditions import At, Condition, Exists, SomeValue
from bridge.core.routing import is_glob
from bridge.core.sentences.asking import clause
from bridge.core.sentences.language import Happening, Language, Noun, counted, joined
from bridge.core.sentences.values import LISTED, cut, listed, shown
from bridge.core.value_tests import Equals

Kinds = Mapping[str, Sequence[str]]
"""The kinds of each event that is known by its platform's name, by that name."""
_CHAIN = ("lesson", "module", "course")
"""A lesson belongs to a module, and that to a course."""


class _Event(Struct, frozen=True):
    """An entry of `on:` as a clause, and its name on its platform if that was written."""

    happening: Happening
    type: str = ""


def event_told(
    on: Sequence[str], conditions: Sequence[Condition], kinds: Kinds, language: Language
) -> tuple[str, list[Condition]]:
    """Return the clause, and the conditions that it does not tell."""
    events = [event for name in dict.fromkeys(on) for event in _events(name, kinds, language)]
    slot = _slot(events[0].happening) if len(events) == 1 else None
    nouns, left = _narrowed(slot, conditions, language) if slot else (None, list(conditions))
    return _all_events(events, nouns or _any_nouns(language), language), left


def _events(name: str, kinds: Kinds, language: Language) -> list[_Event]:
    known = language.happenings.get(name)
    if known is not None:
        return [_Event(known)]
    if name == "*":
        return [_Event(Happening("", language.any_event))]
    of_type = [language.happenings[kind] for kind in kinds.get(name, ()) if kind in language.happenings]
    if is_glob(name) or not of_type:
        return [_Event(Happening("", language.event_named.format(cut(name, language))))]
    *most, last = of_type
    return [*map(_Event, most), _Event(last, name)]


def _all_events(events: Sequence[_Event], nouns: Mapping[str, Noun], language: Language) -> str:
    """Return the events joined by "or"; equal beginnings are said once."""
    shown = events if len(events) <= LISTED else events[: LISTED - 1]
    told: list[str] = []
    for who, theirs in groupby(shown, key=lambda event: event.happening.who):
        deeds = [
            f"{does} {language.any_of([_what(each, nouns, language) for each in same])}".strip()
            for does, same in groupby(theirs, key=lambda event: event.happening.does)
        ]
        told.append(f"{who} {language.any_of(deeds)}".strip())
    left = len(events) - len(shown)
    return language.any_of([*told, counted(left, language.other_events)] if left else told)


def _what(event: _Event, nouns: Mapping[str, Noun], language: Language) -> str:
    what = event.happening.what.format_map(nouns)
    return f"{what} {language.of_type.format(event.type)}".strip() if event.type else what


def _slot(happening: Happening) -> str | None:
    return next((name for _, name, _, _ in Formatter().parse(happening.what) if name), None)


def _any_nouns(language: Language) -> dict[str, Noun]:
    return {name: language.noun(thing.any) for name, thing in language.things.items()}


def _narrowed(
    slot: str, conditions: Sequence[Condition], language: Language
) -> tuple[dict[str, Noun], list[Condition]]:
    """Return the noun for the slot, with the things that it belongs to, and the conditions left over."""
    left = list(conditions)
    text = ""
    for name in reversed(_CHAIN[_CHAIN.index(slot) :]):
        mine = [each for each in left if isinstance(each, At) and _is_about(name, each)]
        told = next((each for each in mine if _is_certain(each)), None)
        if told is None and mine and not text:  # what follows "cujo" must end the chain
            told = mine[0]
        if told is not None:
            left = [each for each in left if each is not told]
        if told is not None or name == slot:
            noun = _noun(name, told, language)
            text = language.of.format(thing=noun, whole=language.noun(text)) if text else noun
    return {slot: language.noun(text)}, left


def _is_about(name: str, line: At) -> bool:
    """Return whether a line asks something of a thing's id or title, beyond their being there."""
    return line.path.text in (f"{name}.id", f"{name}.title") and not isinstance(line.test, Exists)


def _is_certain(line: At) -> bool:
    """Return whether a line asks for things by their names."""
    match line.test:
        case SomeValue((Equals(options),)):
            return all(isinstance(each, str | int | float) and not isinstance(each, bool) for each in options)
        case _:
            return False


def _noun(name: str, line: At | None, language: Language) -> str:
    thing = language.things[name]
    if line is None:
        return thing.any
    if not _is_certain(line):
        member = line.path.text.partition(".")[2]
        return f"{thing.any} {thing.whose[member]} {clause(line, language).says}"
    ((equals,),) = (line.test.tests,)  # type: ignore[attr-defined]  # as `_is_certain` has found
    names = [shown(each, line.path.text, language) for each in equals.options]
    form = thing.numbered if line.path.text.endswith(".id") else thing.the
    if len(names) <= 2:
        return form.format(joined(names, language.or_))
    if len(names) <= LISTED:
        return thing.one_of.format(language.all_of(names))
    return listed(names, language.or_, thing.one_of_many)
