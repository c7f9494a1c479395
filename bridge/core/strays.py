"""Claims whose rule or action is gone, and what it is probably called now."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from msgspec import Struct

from bridge.core.rules import OWNER_RULE, Action, Rule

ALIKE = 0.5
"""How like each other two names are, from 0 to 1, where one is taken for the other."""


class Kept(Struct, frozen=True):
    """A rule and an action that have claims, and how one of these is labelled."""

    rule: str
    action: str
    label: str


class Stray(Struct, frozen=True):
    """Claims that no rule goes on with; `probably` is a rule's name, or an action's where the rule is there.

    `now` is the name of that rule now, None where the rule itself is gone.
    """

    rule: str
    action: str
    now: str | None
    probably: str | None


def strays(kept: Iterable[Kept], rules: Sequence[Rule]) -> list[Stray]:
    """Return the claims that nothing in the configuration goes on with."""
    by_name = {name: rule for rule in rules for name in (rule.name, *rule.was)}
    return [
        stray
        for each in kept
        if each.rule != OWNER_RULE
        for stray in [_stray(each, by_name.get(each.rule), rules)]
        if stray is not None
    ]


def paths_of(label: str) -> tuple[str, ...]:
    """Return the paths of `once_per` in a claim's label: `learner.email=…, module.id=…`."""
    return tuple(part.partition("=")[0] for part in label.split(", ") if "=" in part)


def _stray(kept: Kept, rule: Rule | None, rules: Sequence[Rule]) -> Stray | None:
    if rule is None:
        return Stray(kept.rule, kept.action, None, _probable_rule(kept, rules))
    if any(kept.action in (action.name, *action.was) for action in rule.actions):
        return None
    return Stray(kept.rule, kept.action, rule.name, _probable_action(kept, rule))


def _probable_rule(kept: Kept, rules: Sequence[Rule]) -> str | None:
    """Return the rule that promises the same, else the one whose name is most like it."""
    same = [rule for rule in rules if any(_promises(action, kept) for action in rule.actions)]
    near = _nearest(kept.rule, [rule.name for rule in same]) or _nearest(
        kept.rule, [rule.name for rule in rules if any(action.once_per for action in rule.actions)]
    )
    return near or (same[0].name if len(same) == 1 else None)


def _probable_action(kept: Kept, rule: Rule) -> str | None:
    kind = kept.action.partition(":")[0]
    same = [each.name for each in rule.actions if each.once_per and each.name.partition(":")[0] == kind]
    return _nearest(kept.action, same) or (same[0] if len(same) == 1 else None)


def _promises(action: Action, kept: Kept) -> bool:
    return action.name == kept.action and action.once_per == paths_of(kept.label)


def _nearest(name: str, names: Sequence[str]) -> str | None:
    near = difflib.get_close_matches(name, names, n=1, cutoff=ALIKE)
    return near[0] if near else None
