"""A catch-up in numbers: what became of the events and messages that a new rule was taken over."""

from __future__ import annotations

from collections.abc import Mapping

EVENTS, MATCHED, MADE = "events", "matched", "messages"
"""Entries looked at, events that match, deliveries made."""
HANDLED, CLAIMED, EXPIRED, WITHDRAWN = "handled", "claimed", "expired", "withdrawn"
LIMITED, COUNTED, LACKING, FAILED, BUSY, OTHER = "limited", "counted", "lacking", "failed", "busy", "other"
LEFT: Mapping[str, str] = {
    HANDLED: "the rule has led to a message before",
    CLAIMED: "once_per: sent or under way already",
    EXPIRED: "too old: expires",
    WITHDRAWN: "unless: something has happened since",
    LIMITED: "limit reached",
    COUNTED: "after: another number",
    LACKING: "a value is missing",
    FAILED: "an if: could not be evaluated",
    BUSY: "being replayed at this moment",
    OTHER: "left out for another reason",
}
"""Why a message that the rule wants is not made, in words."""

_PREFIXES = {
    "once_per:": CLAIMED,
    "unless:": WITHDRAWN,
    "limit:": LIMITED,
    "after:": COUNTED,
    "its time is over": EXPIRED,
}


def reason_of(why: str) -> str:
    """Return which of `LEFT` a sentence of the rules is."""
    if " needs '" in why:
        return LACKING
    return next((reason for prefix, reason in _PREFIXES.items() if why.startswith(prefix)), OTHER)


def added(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Return the sums."""
    return {name: counts.get(name, 0) + more.get(name, 0) for name in {**counts, **more}}
