"""Which rules an event meets: by its type and kind first, then by their conditions; and why, or why not."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.core.conditions import Finding
from bridge.core.events import Event, Facts
from bridge.core.rules import Action, Predicate, PredicateFailed, Rule


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
    """All rules, found by what an event is called."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._exact: dict[str, list[int]] = {}
        self._globs: list[tuple[str, int]] = []
        for index, rule in enumerate(self.rules):
            self._add(index, rule)

    def plan(self, event: Event, facts: Facts) -> Plan:
        """Return the actions wanted; `facts` are the event's, passed in because they are made once."""
        matched: list[str] = []
        wanted: list[Wanted] = []
        failed: list[Failed] = []
        for rule in self._candidates(event):
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

    def _add(self, index: int, rule: Rule) -> None:
        for name in rule.on:
            if is_glob(name):
                self._globs.append((name, index))
            else:
                self._exact.setdefault(name, []).append(index)

    def _candidates(self, event: Event) -> list[Rule]:
        found = {*self._exact.get(event.type, ()), *self._exact.get(event.kind, ())}
        found.update(index for glob, index in self._globs if _names(glob, event))
        return [self.rules[index] for index in sorted(found)]


def is_glob(name: str) -> bool:
    """Return whether a name under `on:` is a pattern."""
    return any(char in name for char in "*?[")


def _names(name: str, event: Event) -> bool:
    if is_glob(name):
        return fnmatch.fnmatchcase(event.type, name) or fnmatch.fnmatchcase(event.kind, name)
    return name in (event.type, event.kind)


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
    named = any(_names(name, event) for name in rule.on)
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
