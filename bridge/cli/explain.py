"""`bridge explain`: what was sent; what each condition of each rule wants and finds; what would be sent."""

from __future__ import annotations

from dataclasses import replace

from bridge.cli.event import find_body, pick_source, read_events
from bridge.cli.exits import not_found
from bridge.cli.history import history_lines
from bridge.cli.near import near_miss
from bridge.cli.opening import config_to_look_at
from bridge.cli.options import Setup
from bridge.cli.story import Story
from bridge.cli.tables import show, show_json
from bridge.cli.taken import Taken, find_taken
from bridge.clock import SystemClock
from bridge.config.load import Loaded
from bridge.core.conditions import Finding
from bridge.core.events import Facts
from bridge.core.problems import did_you_mean
from bridge.core.redact import hide_secrets
from bridge.core.routing import RuleExplained
from bridge.core.rules import Rule
from bridge.web.plain import event_details_plain


def explain(setup: Setup, text: str, *, source: str | None, rule: str | None, json: bool) -> None:
    """Explain one event against the rules of a configuration; first what happened, if it is stored."""
    loaded = config_to_look_at(setup, quiet=True)
    found = find_body(loaded, text)
    rules = named_rules(loaded, rule)
    events = read_events(found, pick_source(loaded, found, source), SystemClock().now())
    stories = [Story(loaded, event, event.facts(), rules) for event in events]
    entry = found.stored.row.seq if found.stored else None
    taken = find_taken(loaded, [each for story in stories for each in story.wishes], entry)
    stories = [replace(story, taken=taken) for story in stories]
    if json:
        stored = {"stored": event_details_plain(found.stored)} if found.stored else {}
        show_json({"origin": found.origin, "events": [_plain(story) for story in stories], **stored})
        return
    if found.stored is not None:
        show("\n".join(history_lines(found.stored, loaded.config.timezone)))
        show("\nWith the rules of now")
    for story in stories:
        show(f"{found.origin}: {story.event.type} from {story.event.source}")
        show("\n".join(story.lines()))


def named_rules(loaded: Loaded, name: str | None) -> tuple[Rule, ...]:
    """Return all rules, or the one with this name."""
    if name is None:
        return loaded.rules
    rules = tuple(rule for rule in loaded.rules if rule.name == name)
    if not rules:
        hint = did_you_mean(name, [rule.name for rule in loaded.rules])
        raise not_found(f"there is no rule '{name}'{hint or '; `bridge check -v` lists them'}")
    return rules


def _plain(story: Story) -> dict[str, object]:
    event = story.event
    return {
        "id": event.id,
        "type": event.type,
        "kind": event.kind,
        "source": event.source,
        "occurred_at": event.occurred_at,
        "test": event.test,
        "rules": [_rule(story, verdict) for verdict in story.verdicts],
    }


def _rule(story: Story, verdict: RuleExplained) -> dict[str, object]:
    actions = [
        {
            "action": each.action,
            "channel": each.channel,
            "wanted": each.wanted,
            "template": story.template(story.action(verdict.rule, each.action)),
            "condition": _finding(each.condition, story.facts) if each.condition else None,
            "once_per": _held(story.held(story.action(verdict.rule, each.action))),
        }
        for each in verdict.actions
    ]
    conditions = [_finding(finding, story.facts) for finding in verdict.findings]
    return {"rule": verdict.rule, "matched": verdict.matched, "conditions": conditions, "actions": actions}


def _held(held: Taken | str | None) -> dict[str, object] | None:
    match held:
        case Taken(delivery, state):
            return {"taken_by": delivery, "state": str(state), "missing": None}
        case str():
            return {"taken_by": None, "state": None, "missing": held}
        case _:
            return None


def _finding(finding: Finding, facts: Facts) -> dict[str, object]:
    return {
        "path": finding.path,
        "wanted": finding.wanted,
        "found": None if finding.found is None else hide_secrets(list(finding.found)),
        "matched": finding.matched,
        "hint": near_miss(finding, facts),
    }
