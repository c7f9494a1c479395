"""`was:`, the names of before: what it may not say, because two would share one memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from bridge.config.files import Material
from bridge.core.problems import Path, Problem
from bridge.core.rules import Rule

_ACTION = re.compile(r"[a-z]+:[A-Za-z0-9][A-Za-z0-9_-]*(#[A-Za-z0-9][A-Za-z0-9_-]*)?")


def listed(was: object) -> tuple[str, ...]:
    """Return what `was:` says, one name or a list of them."""
    if isinstance(was, str):
        return (was,)
    return tuple(name for name in was if isinstance(name, str)) if isinstance(was, list) else ()


def former_names(material: Material, rules: Sequence[Rule]) -> Iterator[Problem]:
    """Yield a problem for each name of before that is somebody's own, or that two say they had."""
    raws = material.data.get("rules")
    places = [
        (("rules", index), raw)
        for index, raw in enumerate(raws if isinstance(raws, list) else ())
        if isinstance(raw, Mapping)
    ]
    yield from _rules(material, places)
    for (path, raw), rule in zip(places, rules, strict=True):
        sends = raw.get("send")
        if isinstance(sends, list) and len(sends) == len(rule.actions):
            yield from _actions(material, path, rule, sends)


def _rules(material: Material, places: Sequence[tuple[Path, Mapping[str, object]]]) -> Iterator[Problem]:
    living = {str(raw.get("name")): path for path, raw in places}
    seen: dict[str, Path] = {}
    for path, raw in places:
        for where, name in _said(raw, path):
            if name == raw.get("name"):
                yield Problem(
                    where, f"'{name}' is what the rule is called now; `was` names what it was before"
                )
            elif name in living:
                at = _at(material, (*living[name], "name"))
                yield Problem(
                    where, f"'{name}' is the rule at {at}, which keeps its claims; give this one no `was`"
                )
            else:
                yield from _once(material, seen, name, where)


def _actions(
    material: Material, path: Path, rule: Rule, sends: Sequence[Mapping[str, object]]
) -> Iterator[Problem]:
    living = [action.name for action in rule.actions]
    seen: dict[str, Path] = {}
    for place, entry in enumerate(sends):
        for where, name in _said(entry, (*path, "send", place)):
            if name == living[place]:
                yield Problem(
                    where, f"'{name}' is what the action is called now; `was` names what it was before"
                )
            elif name in living:
                yield Problem(where, f"'{name}' is another action of this rule, which keeps its claims")
            elif not _ACTION.fullmatch(name):
                yield Problem(
                    where,
                    f"'{name}' is no action's name; expected one as `bridge claims list` shows it, such as "
                    f"'email:{name if name.isalnum() else 'learners'}'",
                )
            else:
                yield from _once(material, seen, name, where)


def _said(raw: Mapping[str, object], path: Path) -> Iterator[tuple[Path, str]]:
    """Yield what stands under `was`, with its place."""
    was = raw.get("was")
    one = isinstance(was, str)
    for place, name in enumerate(listed(was)):
        yield ((*path, "was") if one else (*path, "was", place)), name


def _once(material: Material, seen: dict[str, Path], name: str, path: Path) -> Iterator[Problem]:
    first = seen.setdefault(name, path)
    if first != path:
        yield Problem(
            path, f"'{name}' stands at {_at(material, first)} already; one of the two goes on for it"
        )


def _at(material: Material, path: Path) -> str:
    place = material.locate(Problem(path, ""))
    return f"{place.file}:{place.line}"
