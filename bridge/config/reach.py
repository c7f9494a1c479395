"""Whether rules can run: paths that their events carry, conditions that can hold, no rule twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path as FilePath

from msgspec import Struct, field

from bridge.config.files import Material
from bridge.config.inventory import Carried, EventTypes, Uncatalogued
from bridge.config.mentioned import lacking, mentioned, newest_alone
from bridge.core.contradictions import contradictions, verdict
from bridge.core.paths import FactPath, parse_path
from bridge.core.problems import Path, Problem
from bridge.core.rules import Rule

_KEYS = (
    ("once_per",),
    ("after", "distinct"),
    ("after", "by"),
    ("limit", "by"),
    ("unless", "same"),
    ("digest", "by"),
    ("thread_by",),
    ("update_by",),
)
"""Where such paths stand, in a rule or an action: a list of them, or one."""
_TOGETHER = frozenset({"thread_by", "update_by"})
"""Those that say which messages belong together."""


class Written(Struct, frozen=True):
    """A rule as it stands in the configuration, and the folder of its templates."""

    raw: Mapping[str, object]
    when: object
    path: Path
    templates: FilePath


class Named(Struct, frozen=True):
    """The known events that an `on:` names: what they carry together and each, and their types and kinds."""

    carried: Carried
    each: Mapping[str, Carried]
    facts: Sequence[Mapping[str, str]]

    @classmethod
    def by(cls, on: Sequence[str], types: EventTypes) -> Named | None:
        """Find them; None when others may be meant as well, or when it is not said which are."""
        found = types.named(on) if on else None
        if found is None:
            return None
        each = {name: Carried.by([name], [name]) for name in found}
        facts = [{"type": name, "kind": kind} for name, kinds in found.items() for kind in kinds]
        return cls(Carried.by(on, found), each, facts)


def unreachable(material: Material, rules: Sequence[Rule], types: EventTypes) -> Iterator[Problem]:
    """Yield what is wrong with rules that compiled: `rules` are those of the material that are mappings."""
    twins = _Twins(material)
    named = cache(lambda on: Named.by(on, types))  # most of many rules are about the same few events
    for written, rule in zip(_written(material), rules, strict=True):
        found = named(rule.on)
        if found is None:
            yield from _contradicted(rule, written.path, _is_one_of_ours)
        else:
            yield from _of_known_events(rule, written, found)
            yield from _withdrawals(written, found.carried, named)
        yield from newest_alone(written.raw, written.path, written.templates)
        yield from twins.check(rule, written)


def uncatalogued(material: Material) -> Iterator[Problem]:
    """Yield a problem for each path that only the course catalogue could fill, where there is none."""
    if material.data.get("courses"):
        return
    none = Uncatalogued()
    for written in _written(material):
        yield from _lines(written.when, (*written.path, "when"), none)
        yield from _keys(written.raw, written.path, none, {})
        yield from mentioned(written.raw, written.path, written.templates, none, {})


def _written(material: Material) -> Iterator[Written]:
    rules = material.data.get("rules")
    for index, raw in enumerate(rules if isinstance(rules, list) else ()):
        if isinstance(raw, Mapping):
            when = material.as_typed(("rules", index, "when"))
            yield Written(raw, when, ("rules", index), material.path.parent / "templates")


def _of_known_events(rule: Rule, written: Written, named: Named) -> Iterator[Problem]:
    """Yield what is wrong with a rule of which all events are known by name."""
    carried, each = named.carried, named.each
    yield from _contradicted(rule, written.path, carried.is_single)
    if all(verdict(rule.when, facts) is False for facts in named.facts):
        sentence = f"no event of {carried.names} is of this type or kind, so this never holds"
        yield Problem((*written.path, "when"), sentence, warning=True)
    yield from _lines(written.when, (*written.path, "when"), carried)
    yield from _keys(written.raw, written.path, carried, each)
    yield from mentioned(written.raw, written.path, written.templates, carried, each)


def _contradicted(rule: Rule, path: Path, is_single: Callable[[FactPath], bool]) -> Iterator[Problem]:
    for why in contradictions(rule.when, is_single):
        yield Problem((*path, "when"), f"{why}, so this never holds", warning=True)


def _is_one_of_ours(path: FactPath) -> bool:
    return path.steps[0] not in ("data", "raw")


def _lines(when: object, path: Path, carried: Carried | Uncatalogued) -> Iterator[Problem]:
    """Yield a problem for each line of `when:` whose path no event under `on` has."""
    for key, inner in when.items() if isinstance(when, Mapping) else ():
        if key in ("any", "all"):
            for place, item in enumerate(inner if isinstance(inner, list) else ()):
                yield from _lines(item, (*path, key, place), carried)
        else:
            found = parse_path(str(key))
            problem = carried.problem(found, (*path, str(key))) if isinstance(found, FactPath) else None
            if problem is not None:
                yield problem


def _keys(
    raw: Mapping[str, object], path: Path, carried: Carried | Uncatalogued, each: Mapping[str, Carried]
) -> Iterator[Problem]:
    """Yield a problem for each path that keys are made of and that some event under `on` has not once."""
    sends = raw.get("send")
    holders: list[tuple[Path, object]] = [(path, raw)]
    holders += [
        ((*path, "send", place), entry)
        for place, entry in enumerate(sends if isinstance(sends, list) else ())
    ]
    for where, holder in holders:
        for words in _KEYS:
            for text, place in _paths(_below(holder, words), (*where, *words)):
                parsed = parse_path(text)
                if isinstance(parsed, FactPath):
                    yield from _key(parsed, words[0], place, carried, each)


def _withdrawals(
    written: Written, carried: Carried, named: Callable[[tuple[str, ...]], Named | None]
) -> Iterator[Problem]:
    """Yield a problem for each path by which events would withdraw a message, and which they do not have."""
    sends = written.raw.get("send")
    for number, entry in enumerate(sends if isinstance(sends, list) else ()):
        unless, where = _below(entry, ["unless"]), (*written.path, "send", number, "unless")
        on = _below(unless, ["on"])
        names = tuple(map(str, on)) if isinstance(on, list) else (str(on),)
        found = named(names)
        if not isinstance(unless, Mapping) or found is None:
            continue
        yield from _lines(unless.get("when"), (*where, "when"), found.carried)
        for text, place in _paths(unless.get("same"), (*where, "same")):
            parsed = parse_path(text)
            if isinstance(parsed, FactPath) and carried.problem(parsed, place) is None:
                yield from _not_same(parsed, place, found.each, wide=any("*" in name for name in names))


def _not_same(path: FactPath, where: Path, each: Mapping[str, Carried], *, wide: bool) -> Iterator[Problem]:
    """Yield a warning if events do not have a path; among those of a glob some may lack it."""
    without = lacking(path, each)
    none = all(carried.lacks(path) for carried in each.values())
    if none or (without and not wide):
        then = "nothing ever withdraws the message" if none else "they withdraw nothing"
        yield Problem(where, f"events of {without} have no '{path.text}', so {then}", warning=True)


def _paths(value: object, where: Path) -> Iterator[tuple[str, Path]]:
    """Yield the paths of a list, or the only one, each with its place."""
    if isinstance(value, str):
        yield value, where
    for place, text in enumerate(value if isinstance(value, list) else ()):
        yield str(text), (*where, place)


def _below(value: object, words: Sequence[str]) -> object:
    for word in words:
        value = value.get(word) if isinstance(value, Mapping) else None
    return value


def _key(
    path: FactPath, word: str, where: Path, carried: Carried | Uncatalogued, each: Mapping[str, Carried]
) -> Iterator[Problem]:
    problem = carried.problem(path, where)
    without = lacking(path, each)
    better = None if "[]" in path.text else carried.first_of_lists(path)
    if problem is not None:
        yield problem
    elif without:
        then = "each stands by itself" if word in _TOGETHER else "nothing is sent for them"
        sentence = f"events of {without} have no '{path.text}', so {then}"
        yield Problem(where, sentence, warning=True)
    elif better is not None:
        then = "each message stands by itself" if word in _TOGETHER else "nothing is sent"
        sentence = f"'{path.text}' leads into a list, and with several values {then}"
        yield Problem(where, f"{sentence}; {word} needs one, such as '{better}'", warning=True)


class _Twins(Struct):
    """The rules seen so far by what they ask for."""

    material: Material
    seen: dict[tuple[frozenset[str], str], tuple[Path, str]] = field(default_factory=dict)

    def check(self, rule: Rule, written: Written) -> Iterator[Problem]:
        """Yield a warning when an earlier rule runs on exactly the same events."""
        if not rule.name:
            return
        asks = json.dumps(
            [written.when or {}, *(written.raw.get(word) for word in ("if", "mode", "after"))],
            sort_keys=True,
            default=str,
        )
        path, name = self.seen.setdefault((frozenset(rule.on), asks), (written.path, rule.name))
        if name != rule.name:
            place = self.material.locate(Problem(path, ""))
            advice = "put what both send under one of them, or tell them apart"
            sentence = f"runs on the same events as '{name}' at {place.file}:{place.line}; {advice}"
            yield Problem(written.path, sentence, warning=True)
