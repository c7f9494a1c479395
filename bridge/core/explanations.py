"""Explanations as plain values with stable names, for `--json` and the API; secrets are hidden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from bridge.core import near
from bridge.core.fates import Fate, Held, Later, Led, Left, sent_instead
from bridge.core.findings import Alternatives, Evaluated, Finding, Found, Values
from bridge.core.redact import hide_secrets
from bridge.core.routing import ActionExplained, RuleExplained
from bridge.core.telling import headline, near_words


def rule_plain(explained: RuleExplained, fates: Mapping[tuple[str, str], Fate]) -> dict[str, object]:
    """Return a rule's verdict with its actions and what became of them."""
    return {
        "rule": explained.rule,
        "matched": explained.matched,
        "named": explained.named,
        "fits": explained.fits,
        "why": headline(explained) or None,
        "conditions": [finding_plain(each) for each in explained.findings],
        "actions": [_action(explained.rule, each, fates) for each in explained.actions],
    }


def _action(
    rule: str, explained: ActionExplained, fates: Mapping[tuple[str, str], Fate]
) -> dict[str, object]:
    fate = fates.get((rule, explained.action))
    instead = sent_instead(fates, rule, explained.action)
    return {
        "action": explained.action,
        "channel": explained.channel,
        "wanted": explained.wanted,
        "condition": finding_plain(explained.condition) if explained.condition else None,
        "fate": fate_plain(fate) if fate else None,
        "else": {name: fate_plain(each) for name, each in instead.items()},
    }


def fate_plain(fate: Fate) -> dict[str, object]:
    """Return what became of an action."""
    match fate:
        case Led():
            held = {"until": fate.until.at, "why": fate.until.why} if fate.until else {}
            state = str(fate.state)
            into = {"why": fate.into or fate.why} if fate.into or fate.why else {}
            found = {"kind": "delivery", "delivery": fate.delivery, "state": state, "at": fate.at}
            return {**found, **held, **into}
        case Later():
            return {"kind": "later", "at": fate.at, "why": fate.why}
        case Held():
            return {
                "kind": "taken",
                "delivery": fate.delivery,
                "state": fate.state,
                "at": fate.at,
                "claim": fate.label,
            }
        case Left():
            return {"kind": "left out", "why": fate.why}
        case _:
            assert_never(fate)


def finding_plain(found: Found) -> dict[str, object]:
    """Return what one line of a rule found."""
    match found:
        case Finding():
            return {
                "path": found.path,
                "wanted": found.wanted,
                "found": _values(found.found),
                "matched": found.matched,
                "near": near.plain(found.near) if found.near else None,
                "hint": near_words(found.near, found) if found.near else None,
            }
        case Evaluated():
            return {
                "path": "if",
                "wanted": found.source,
                "found": None if found.value is None else [found.value],
                "matched": found.matched,
                "error": found.failed,
                "given": {path: _values(values) for path, values in found.given},
            }
        case Alternatives():
            parts = [[finding_plain(each) for each in part] for part in found.parts]
            return {"path": "any", "matched": found.matched, "any": parts}
        case _:
            assert_never(found)


def _values(values: Values) -> object:
    return None if values is None else hide_secrets(list(values))
