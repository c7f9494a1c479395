"""`bridge explain`: what was sent; what each condition of each rule wanted and found; what would be sent."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.cli.account import Account
from bridge.cli.asked import Asking
from bridge.cli.event import Found, find_body, pick_source, read_events, with_changes
from bridge.cli.exits import misused, not_found
from bridge.cli.history import history_lines
from bridge.cli.known import events_of
from bridge.cli.opening import config_to_look_at, with_services
from bridge.cli.options import Setup
from bridge.cli.tables import show, show_json
from bridge.cli.taken import with_fates
from bridge.clock import SystemClock
from bridge.config.load import Loaded
from bridge.core import routing
from bridge.core.events import Event
from bridge.core.problems import did_you_mean
from bridge.core.rules import Rule
from bridge.pipeline.explaining import Explanation, Unexplained
from bridge.pipeline.fates import EventExplained
from bridge.store.details import EventDetails
from bridge.web.plain import event_details_plain, explained_plain, explanation_plain


def explain(setup: Setup, asking: Asking) -> None:
    """Explain one event: if it is stored, by the rules that judged it, or by those of `now`."""
    name = _one(asking.event, asking.named)
    loaded = config_to_look_at(setup, quiet=True)
    found = with_changes(find_body(loaded, name), asking.changes)
    if found.stored is None or asking.changes:
        _explain_new(loaded, found, asking)
    else:
        _explain_stored(loaded, found, found.stored, asking)


def named_rules(loaded: Loaded, name: str | None) -> tuple[Rule, ...]:
    """Return all rules, or the one with this name."""
    if name is None:
        return loaded.rules
    rules = tuple(rule for rule in loaded.rules if rule.name == name)
    if not rules:
        hint = did_you_mean(name, [rule.name for rule in loaded.rules])
        raise not_found(f"there is no rule '{name}'{hint or '; `bridge check -v` lists them'}")
    return rules


def _one(text: str | None, option: str | None) -> str:
    if (text is None) == (option is None):
        raise misused("name one event, as EVENT or with --event")
    return text or option or ""


def _explain_new(loaded: Loaded, found: Found, asking: Asking) -> None:
    rules = named_rules(loaded, asking.rule)
    events = events_of(loaded, found, asking.source, SystemClock().now())
    explained = with_fates(loaded, [_explained(loaded, event, rules) for event in events])
    if asking.json:
        show_json({"origin": found.origin, "events": [_plain(loaded, each) for each in explained]})
        return
    _tell(found, [Account(loaded, each, every=asking.rule is not None) for each in explained])


def _explain_stored(loaded: Loaded, found: Found, stored: EventDetails, asking: Asking) -> None:
    rule = asking.rule
    if not asking.json:
        show("\n".join(history_lines(stored, loaded.config.timezone)))
    # Fails with the reason, where the event cannot be read.
    read_events(found, pick_source(loaded, found, asking.source), SystemClock().now())
    made = with_services(
        loaded, lambda services: services.explainer.explain(stored, now=asking.now, rule=rule)
    )
    if isinstance(made, Unexplained):
        raise not_found(f"{found.origin} cannot be explained: {made.why}")
    if rule is not None and not made.notes and not any(each.rules for each in made.events):
        named_rules(loaded, rule)
        raise not_found(f"there was no rule '{rule}' when this event was judged; --now asks the rules of now")
    if asking.json:
        plain = explanation_plain(made, stored.row.seq)
        show_json({"origin": found.origin, **plain, "stored": event_details_plain(stored)})
        return
    show(f"\n{_heading(made)}")
    _tell(found, [Account(loaded, each, made.basis, every=rule is not None) for each in made.events])


def _heading(made: Explanation) -> str:
    said = "By the rules that judged it" if made.basis == "then" else "By the rules of now"
    if made.changed:
        said += "; they are others now, --now asks those"
    return "\n".join([said, *made.notes])


def _tell(found: Found, accounts: Sequence[Account]) -> None:
    for account in accounts:
        event = account.explained.event
        show(f"{found.origin}: {event.type} from {event.source}")
        show("\n".join(account.lines()))


def _explained(loaded: Loaded, event: Event, rules: tuple[Rule, ...]) -> EventExplained:
    facts = event.facts()
    return EventExplained(event, facts, routing.explain(rules, event, facts, loaded.redact))


def _plain(loaded: Loaded, explained: EventExplained) -> dict[str, object]:
    """Return an event explained, with the template of each action."""
    account = Account(loaded, explained)
    plain = explained_plain(explained)
    for rule in plain["rules"]:
        for action in rule["actions"]:
            action["template"] = account.template(rule["rule"], action["action"])
    return plain
