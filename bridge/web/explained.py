"""An explanation as the event's page shows it: the likely rules in full, the others by their headline."""

from __future__ import annotations

from datetime import tzinfo

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.fates import Later, Led, sent_instead
from bridge.core.routing import ActionExplained, RuleExplained
from bridge.core.telling import Told, fate_words, headline, told, value_words
from bridge.pipeline.explaining import Explanation, Then, Unexplained
from bridge.pipeline.fates import EventExplained

IN_FULL = 10
"""Rules that do not match and are shown with every condition."""
OTHERS = 100
"""Rules of which only the headline is shown."""
WIDTH = 400
"""Characters of a value that are shown."""


class ShownAction(Struct, frozen=True):
    """An action that a matching rule has, and what became of it."""

    name: str
    said: str


class ShownRule(Struct, frozen=True):
    """A rule in words."""

    name: str
    matched: bool
    headline: str
    lines: tuple[Told, ...] = ()
    actions: tuple[ShownAction, ...] = ()


class ShownEvent(Struct, frozen=True):
    """One event of a request; of `others_count` further rules, the nearest are in `others`."""

    id: str
    type: str
    rules: tuple[ShownRule, ...]
    others: tuple[ShownRule, ...]
    others_count: int


class ShownExplanation(Struct, frozen=True):
    """Why an event led to what it led to; `changed` says that the rules are others now."""

    events: tuple[ShownEvent, ...]
    notes: tuple[str, ...]
    changed: bool


def shown_explanation(made: Explanation | Unexplained | None, zone: tzinfo) -> ShownExplanation | None:
    """Return an explanation in words, times in `zone`; None where there is nothing to explain."""
    if made is None or isinstance(made, Unexplained):
        return None
    events = tuple(_event(each, made.basis, zone) for each in made.events)
    return ShownExplanation(events, made.notes, made.changed)


def _event(explained: EventExplained, basis: Then, zone: tzinfo) -> ShownEvent:
    matched = sum(rule.matched for rule in explained.rules)
    full = [rule for rule in explained.rules[: matched + IN_FULL] if rule.named]
    others = explained.rules[len(full) :]
    return ShownEvent(
        explained.event.id,
        explained.event.type,
        tuple(_rule(rule, explained, basis, zone) for rule in full),
        tuple(ShownRule(rule.rule, rule.matched, headline(rule)) for rule in others[:OTHERS]),
        len(others),
    )


def _rule(rule: RuleExplained, explained: EventExplained, basis: Then, zone: tzinfo) -> ShownRule:
    lines = tuple(
        replace(line, wanted=_cut(line.wanted), found=_cut(line.found), hint=_cut(line.hint))
        for line in told(rule.findings, zone)
    )
    actions = tuple(
        ShownAction(action.action, _said(rule.rule, action, explained, basis, zone))
        for action in rule.actions
    )
    instead = tuple(
        ShownAction(f"else {name}", f"led to {fate_words(fate, zone)}")
        for action in rule.actions
        for name, fate in sent_instead(explained.fates, rule.rule, action.action).items()
    )
    return ShownRule(rule.rule, rule.matched, headline(rule), lines, actions + instead)


def _said(rule: str, action: ActionExplained, explained: EventExplained, basis: Then, zone: tzinfo) -> str:
    fate = explained.fates.get((rule, action.action))
    if action.condition is not None and not action.wanted:
        return f"not sent: if {_cut(action.condition.source)} is {value_words(action.condition)}"
    if fate is None:
        return "" if basis == "then" else "would be sent"
    words = fate_words(fate, zone)
    if isinstance(fate, Later):
        return f"would be sent on {words}"
    return f"led to {words}" if isinstance(fate, Led) else f"not sent: {words}"


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
