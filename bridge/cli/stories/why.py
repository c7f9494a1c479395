"""Why an expected message was not sent: the explanation of the event that should have led to it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from bridge.cli.account import Account
from bridge.cli.stories.play import Played
from bridge.cli.stories.plot import Expected
from bridge.config.load import Loaded
from bridge.core.rules import Rule
from bridge.pipeline.explaining import Explanation
from bridge.pipeline.fates import EventExplained
from bridge.store.details import EventDetails

LOOKED_AT = 50
"""Events that are looked at, the latest first."""


async def why_missing(expected: Expected, played: Played, loaded: Loaded) -> list[str]:
    """Return in lines what the rules that were probably meant made of the event that was probably meant."""
    if not played.events:
        return ["no event came"]
    rules = {rule.name for rule in loaded.rules if _may_send(rule, expected)}
    events = [each for each in played.events if expected.at is None or each.row.received_at <= expected.at]
    return await _told(events or played.events, rules, played, loaded)


def _may_send(rule: Rule, expected: Expected) -> bool:
    channels = {each.channel for action in rule.actions for each in (action, *action.otherwise)}
    return rule.name == expected.rule if expected.rule else expected.channel in channels


async def _told(events: Sequence[EventDetails], rules: set[str], played: Played, loaded: Loaded) -> list[str]:
    """Tell of the latest event that one of the rules is for, or else of the latest."""
    nearest: tuple[EventDetails, Explanation] | None = None
    for event in reversed(events[-LOOKED_AT:]):
        made = await played.services.explainer.explain(event)
        if isinstance(made, Explanation):
            nearest = nearest or (event, made)
            if any(rule.named and rule.rule in rules for each in made.events for rule in each.rules):
                return _lines(event, made, rules, loaded)
    return _lines(*nearest, rules, loaded) if nearest else ["its events cannot be explained"]


def _lines(event: EventDetails, made: Explanation, rules: set[str], loaded: Loaded) -> list[str]:
    lines = []
    for each in made.events:
        lines.append(f"why: {each.event.type}, event {event.row.seq} of this story")
        told = Account(loaded, _only(each, rules), made.basis, every=True).lines()
        lines += [line for part in told for line in part.splitlines() or [""]]
    return lines


def _only(explained: EventExplained, rules: set[str]) -> EventExplained:
    """Leave out the rules that are not meant, and those for other events if one is for this."""
    meant = [each for each in explained.rules if each.rule in rules]
    return replace(explained, rules=tuple([each for each in meant if each.named] or meant))
