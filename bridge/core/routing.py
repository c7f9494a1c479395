"""Which rules an event meets: by its type and kind first, then by their conditions; and why, or why not."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.core.conditions import Condition, Finding
from bridge.core.events import Event, Facts
from bridge.core.index import Index
from bridge.core.rules import Action, Predicate, PredicateFailed, Rule

REMEMBERED_NAMES = 1000
"""How many event names are resolved once: platforms have tens, and a sender could make up any number."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An action that a matching rule wants."""

    rule: Rule
    action: Action


@dataclass(frozen=True, slots=True)
class Failed:
    """An `if:` that could not be evaluated on this event; its rule or action is left out, visibly."""

    rule: str
    action: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What the rules want for one event, in the rules' order."""

    matched: tuple[str, ...]
    wanted: tuple[Wanted, ...]
    failed: tuple[Failed, ...]


@dataclass(frozen=True, slots=True)
class ActionExplained:
    """Whether a matching rule's action is wanted, and what its own `if:` said."""

    action: str
    channel: str
    wanted: bool
    condition: Finding | None = None


@dataclass(frozen=True, slots=True)
class RuleExplained:
    """A rule's verdict on an event with every finding on the way."""

    rule: str
    matched: bool
    findings: tuple[Finding, ...]
    actions: tuple[ActionExplained, ...] = ()


class Router:
    """All rules, found by what an event is called, then by what their conditions ask for."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        groups: dict[tuple[str, ...], list[tuple[int, Condition]]] = {}
        for index, rule in enumerate(self.rules):
            groups.setdefault(rule.on, []).append((index, rule.when))
        self._groups = [(on, Index(conditions)) for on, conditions in groups.items()]
        self.remembered: dict[tuple[str, str], list[Index]] = {}
        """The indexes of the rules for each type and kind, of those that came first."""

    def plan(self, event: Event, facts: Facts) -> Plan:
        """Return the actions wanted; `facts` are the event's, passed in because they are made once."""
        matched: list[str] = []
        wanted: list[Wanted] = []
        failed: list[Failed] = []
        for rule in self._candidates(event, facts):
            if not rule.when.matches(facts) or not _holds(rule.condition, facts, failed, rule.name, None):
                continue
            matched.append(rule.name)
            wanted += (
                Wanted(rule, action)
                for action in rule.actions
                if _holds(action.condition, facts, failed, rule.name, action.name)
            )
        return Plan(tuple(matched), tuple(wanted), tuple(failed))

    def explain(self, event: Event, facts: Facts) -> tuple[RuleExplained, ...]:
        """Return every rule's verdict: matching rules first, then those that came closest."""
        explained = [_explain(rule, event, facts) for rule in self.rules]
        return tuple(sorted(explained, key=_distance))

    def _candidates(self, event: Event, facts: Facts) -> list[Rule]:
        found: set[int] = set()
        for index in self._indexes(event):
            found |= index.candidates(facts)
        return [self.rules[number] for number in sorted(found)]

    def _indexes(self, event: Event) -> list[Index]:
        """Return the indexes of the rules that name this event."""
        name = (event.type, event.kind)
        indexes = self.remembered.get(name)
        if indexes is None:
            indexes = [index for on, index in self._groups if any(is_named(each, *name) for each in on)]
            if len(self.remembered) < REMEMBERED_NAMES:
                self.remembered[name] = indexes
        return indexes


def is_glob(name: str) -> bool:
    """Return whether a name under `on:` is a pattern."""
    return any(char in name for char in "*?[")


def is_named(name: str, event_type: str, kind: str) -> bool:
    """Return whether a name under `on:` means events of this type and kind."""
    if is_glob(name):
        return fnmatch.fnmatchcase(event_type, name) or fnmatch.fnmatchcase(kind, name)
    return name in (event_type, kind)


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


def _explain(rule: Rule, event: Event, facts: Facts) -> RuleExplained:
    named = any(is_named(name, event.type, event.kind) for name in rule.on)
    on = Finding("on", " or ".join(rule.on), (event.type, event.kind), named)
    findings = [on, *(rule.when.findings(facts) if named else ())]
    matched = named and rule.when.matches(facts)
    if matched and rule.condition is not None:
        verdict = _evaluate(rule.condition, facts)
        findings.append(verdict)
        matched = verdict.matched
    actions = tuple(_explain_action(action, facts) for action in rule.actions) if matched else ()
    return RuleExplained(rule.name, matched, tuple(findings), actions)


def _explain_action(action: Action, facts: Facts) -> ActionExplained:
    if action.condition is None:
        return ActionExplained(action.name, action.channel, wanted=True)
    verdict = _evaluate(action.condition, facts)
    return ActionExplained(action.name, action.channel, verdict.matched, verdict)


def _evaluate(predicate: Predicate, facts: Facts) -> Finding:
    try:
        holds = predicate.holds(facts)
    except PredicateFailed as error:
        return Finding("if", predicate.source, (str(error),), matched=False)
    return Finding("if", predicate.source, (holds,), holds)


def _distance(explained: RuleExplained) -> tuple[bool, bool, int]:
    named = explained.findings[0].matched
    return (not explained.matched, not named, sum(not finding.matched for finding in explained.findings))
