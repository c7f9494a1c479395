"""Names of before: `was:` lets a rule, or an action, go on under what it remembers.

Claims, limits, counts and what waits belong to names. Whoever makes a key of names asks here for those under
which the memory is kept: the oldest ones, so that a renaming changes no key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from bridge.core.rules import Action, else_name

Names = tuple[str, str]
"""A rule's name, and an action's."""


def kept_under(name: str, was: Sequence[str]) -> str:
    """Return the name under which memory is kept: the last of `was`, else the name of now.

    For a rule: `kept_under(rule.name, rule.was)`.
    """
    return was[-1] if was else name


def memory_names(action: Action) -> Names:
    """Return the names that the keys of an action's memory are made with.

    What is only shown takes nothing from what will be sent, so in shadow mode the rule's differs.
    """
    return _shadowed(action, kept_under(action.rule, action.rule_was)), kept_under(action.name, action.was)


def other_names(action: Action) -> tuple[Names, ...]:
    """Return all other names that the action went by: what was promised under them is promised still."""
    if not action.rule_was and not action.was:
        return ()
    kept = memory_names(action)
    every = ((_shadowed(action, rule), name) for rule, name in every_name(action))
    return tuple(names for names in every if names != kept)


def every_name(action: Action) -> Iterator[Names]:
    """Yield the names of now, and all of before."""
    yield from product((action.rule, *action.rule_was), (action.name, *action.was))


def instead_names(parent: Action, instead: Action) -> Iterator[Names]:
    """Yield the names that an action of an `else:` has and had, as its parent was called."""
    yield instead.rule, instead.name
    own = instead.name.removesuffix(else_name("", parent.name))
    yield from ((rule, else_name(own, name)) for rule, name in every_name(parent))


def _shadowed(action: Action, rule: str) -> str:
    return f"(shadow) {rule}" if action.shadow else rule
