"""Which rules an event meets: by its type and kind first, then by their conditions; and why, or why not."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.anchors import is_all
from bridge.core.conditions import NOTHING, Condition
from bridge.core.events import Event, Facts
from bridge.core.findings import (
    Evaluated,
    Finding,
    Found,
    evaluate,
    farness,
    findings_of,
    misses,
    sealed,
    sealed_if,
)
from bridge.core.index import Index
from bridge.core.near_texts import Alike, Slip, near_whole
from bridge.core.rules import Action, Predicate, PredicateFailed, Rule, is_plain

NEAREST = 1000
"""Rules of which it is found out how near they came; of more, nobody reads."""
REMEMBERED_NAMES = 1000
"""How many event names are resolved once: platforms have tens, and a sender could make up any number."""


class Wanted(Struct, frozen=True):
    """An action that a matching rule wants; `plain` as `is_plain` says."""

    rule: Rule
    action: Action
    plain: bool


class Failed(Struct, frozen=True):
    """An `if:` that could not be evaluated on this event; its rule or action is left out, visibly."""

    rule: str
    action: str | None
    why: str


class Plan(Struct, frozen=True):
    """What the rules want for one event, in the rules' order."""

    matched: tuple[str, ...]
    wanted: tuple[Wanted, ...]
    failed: tuple[Failed, ...]


NOTHING_WANTED = Plan((), (), ())


class ActionExplained(Struct, frozen=True):
    """Whether a matching rule's action is wanted, and what its own `if:` said."""

    action: str
    channel: str
    wanted: bool
    condition: Evaluated | None = None


class RuleExplained(Struct, frozen=True):
    """A rule's verdict on an event with every finding on the way; the first is that of `on:`.

    Of a rule for other events there is only that one, and `fits` says whether all the rest would hold.
    """

    rule: str
    matched: bool
    findings: tuple[Found, ...]
    actions: tuple[ActionExplained, ...] = ()
    fits: bool = False

    @property
    def named(self) -> bool:
        """Whether its `on:` names the event."""
        return self.findings[0].matched


class Router:
    """All rules, found by what an event is called, then by what their conditions ask for."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        groups: dict[tuple[str, ...], list[tuple[int, Condition]]] = {}
        for index, rule in enumerate(self.rules):
            groups.setdefault(rule.on, []).append((index, rule.when))
        self._plans = [_whole_plan(rule) for rule in self.rules]
        """What each rule wants where it matches and no `if:` has anything against it."""
        self._certain = {index for index, rule in enumerate(self.rules) if is_all(rule.when)}
        """The rules that match every event of which they are candidates."""
        self._asking = {index for index, rule in enumerate(self.rules) if _asks(rule)}
        """The rules that have an `if:`, or an action that has."""
        self._groups = [(on, Index(conditions)) for on, conditions in groups.items()]
        self.remembered: dict[tuple[str, str], list[Index]] = {}
        """The indexes of the rules for each type and kind, of those that came first."""

    def plan(self, event: Event, facts: Facts) -> Plan:
        """Return the actions wanted; `facts` are the event's, passed in because they are made once."""
        return self.plan_among(self.named(event), facts)

    def plan_among(self, indexes: Sequence[Index], facts: Facts) -> Plan:
        """Return the actions wanted of the rules that are `named`."""
        found: set[int] = set()
        for index in indexes:
            index.collect(facts, found)
        plans: list[Plan] = []
        for number in sorted(found):
            if number in self._certain or self.rules[number].when.matches(facts):
                plan = self._plans[number]
                asking = number in self._asking
                plans.append(_asked(self.rules[number], plan, facts) if asking else plan)
        if len(plans) == 1:
            return plans[0]
        return _together(plans) if plans else NOTHING_WANTED

    def named(self, event: Event) -> Sequence[Index]:
        """Return the indexes of the rules that name this event; without any, nothing is wanted."""
        name = (event.type, event.kind)
        indexes = self.remembered.get(name)
        if indexes is None:
            indexes = [index for on, index in self._groups if any(is_named(each, *name) for each in on)]
            if len(self.remembered) < REMEMBERED_NAMES:
                self.remembered[name] = indexes
        return indexes


def explain(
    rules: Sequence[Rule], event: Event, facts: Facts, hide: Callable[[str], str] = str
) -> tuple[RuleExplained, ...]:
    """Return every rule's verdict, the likely intended rule first.

    Rules that match, then those for this event by how many of their lines do not hold and how nearly, then
    those for other events, of which the ones that only their `on:` keeps out come first. Equally near ones
    are in the order of their names, so that the order of the file means nothing here either. How near it was
    is asked of the first `NEAREST` rules that do not match. `hide` takes secrets out of what rules want.
    """
    told = sorted(((_explain(rule, event, facts, near=False), rule) for rule in rules), key=_by_misses)
    first = sum(explained.matched for explained, _ in told)
    again = [_explain(rule, event, facts, near=True) for _, rule in told[first : first + NEAREST]]
    rest = [explained for explained, _ in (*told[:first], *told[first + NEAREST :])]
    return tuple(_sealed(each, hide) for each in sorted((*again, *rest), key=_order))


def is_glob(name: str) -> bool:
    """Return whether a name under `on:` is a pattern."""
    return any(char in name for char in "*?[")


def is_named(name: str, event_type: str, kind: str) -> bool:
    """Return whether a name under `on:` means events of this type and kind."""
    if is_glob(name):
        return fnmatch.fnmatchcase(event_type, name) or fnmatch.fnmatchcase(kind, name)
    return name in (event_type, kind)


def _sealed(explained: RuleExplained, hide: Callable[[str], str]) -> RuleExplained:
    findings = tuple(sealed(each, hide) for each in explained.findings)
    actions = tuple(
        replace(each, condition=sealed_if(each.condition, hide)) if each.condition else each
        for each in explained.actions
    )
    return replace(explained, findings=findings, actions=actions)


def _whole_plan(rule: Rule) -> Plan:
    return Plan(
        (rule.name,), tuple(Wanted(rule, action, is_plain(rule, action)) for action in rule.actions), ()
    )


def _asks(rule: Rule) -> bool:
    return rule.condition is not None or any(action.condition is not None for action in rule.actions)


def _asked(rule: Rule, plan: Plan, facts: Facts) -> Plan:
    """Return what is left of a matching rule's plan by its `if:` and those of its actions."""
    failed: list[Failed] = []
    if not _holds(rule.condition, facts, failed, rule.name, None):
        return Plan((), (), tuple(failed))
    wanted = tuple(
        each
        for each in plan.wanted
        if _holds(each.action.condition, facts, failed, rule.name, each.action.name)
    )
    return Plan(plan.matched, wanted, tuple(failed))


def _together(plans: Sequence[Plan]) -> Plan:
    return Plan(
        tuple(name for plan in plans for name in plan.matched),
        tuple(wanted for plan in plans for wanted in plan.wanted),
        tuple(failed for plan in plans for failed in plan.failed),
    )


def _holds(
    predicate: Predicate | None, facts: Facts, failed: list[Failed], rule: str, action: str | None
) -> bool:
    if predicate is None:
        return True
    try:
        return predicate.holds(facts)
    except PredicateFailed as error:
        failed.append(Failed(rule, action, str(error)))
        return False


def _explain(rule: Rule, event: Event, facts: Facts, *, near: bool) -> RuleExplained:
    named = any(is_named(name, event.type, event.kind) for name in rule.on)
    names = (event.type,) if event.type == event.kind else (event.type, event.kind)
    slip = _near_name(rule.on, names) if near and not named else None
    on = Finding("on", " or ".join(rule.on), names, named, slip)
    if not named:
        fits = rule.when is not NOTHING and rule.when.matches(facts)
        return RuleExplained(rule.name, matched=False, findings=(on,), fits=fits)
    findings = [on, *findings_of(rule.when, facts, near=near)]
    if rule.condition is not None and not misses(findings):
        findings.append(evaluate(rule.condition, facts))
    matched = not misses(findings)
    actions = tuple(_explain_action(action, facts) for action in rule.actions) if matched else ()
    return RuleExplained(rule.name, matched, tuple(findings), actions)


def _explain_action(action: Action, facts: Facts) -> ActionExplained:
    if action.condition is None:
        return ActionExplained(action.name, action.channel, wanted=True)
    verdict = evaluate(action.condition, facts)
    return ActionExplained(action.name, action.channel, verdict.matched, verdict)


def _near_name(on: Sequence[str], names: Sequence[str]) -> Alike | Slip | None:
    """Return the name under `on:` that is a slip of the event's; two letters more may be another event."""
    for wanted, name in ((wanted, name) for wanted in on for name in names if not is_glob(wanted)):
        for near in near_whole(wanted, name):
            if isinstance(near, Alike) or (isinstance(near, Slip) and near.differs == 1):
                return near
    return None


def _by_misses(told: tuple[RuleExplained, Rule]) -> tuple[bool, bool, bool, int, str]:
    return (*_class(told[0]), told[0].rule)


def _order(explained: RuleExplained) -> tuple[bool, bool, bool, int, float, str]:
    return (*_class(explained), round(sum(map(farness, explained.findings)), 6), explained.rule)


def _class(explained: RuleExplained) -> tuple[bool, bool, bool, int]:
    return (not explained.matched, not explained.named, not explained.fits, misses(explained.findings))
