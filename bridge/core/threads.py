"""Messages that belong together: the lane that keeps their order, and what a message counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo

from msgspec import Struct

from bridge.core.claims import values_of
from bridge.core.events import Event, Facts
from bridge.core.formers import memory_names
from bridge.core.identity import edited_key, item_key, lane_of, thread_key
from bridge.core.rules import Action, Thread

DATE = "date"
"""Stands for the day of the event, in the zone of the configuration, where paths are listed."""
COUNT, COUNTS = "count", "counts"
"""The names by which the text of an edited message finds what was counted."""
EVENTS = ""
"""The name under which events themselves are counted."""


class Addition(Struct, frozen=True):
    """What an event adds to the counts of an edited message: names, each with a key for what is counted."""

    key: bytes
    items: tuple[tuple[str, bytes], ...]


def lane_for(secret: bytes, action: Action, event: Event, facts: Facts) -> bytes | None:
    """Return the lane of a delivery: its thread's if it has one, else its learner's.

    A message whose event lacks a value of `by` stands by itself, so it has no lane.
    """
    if action.thread is None:
        return lane_of(secret, action.channel, event)
    values = labels(action.thread, facts)
    return None if values is None else thread_key(secret, action.channel, action.thread.place, values)


def addition_of(
    secret: bytes, action: Action, lane: bytes | None, entry: tuple[bytes, int], facts: Facts
) -> Addition | None:
    """Return what an event adds to the counts of the message that an action edits; None without such counts.

    `entry` is the key of the inbox entry and the place of the event in it, which stay the same in a replay.
    """
    thread = action.thread
    if thread is None or not thread.edits or lane is None:
        return None
    items = [(EVENTS, item_key(secret, entry[0].hex(), str(entry[1])))]
    for name, path in thread.counts:
        found = values_of((path,), facts)
        if not isinstance(found, str):
            items.append((name, item_key(secret, *found)))
    return Addition(edited_key(lane, *memory_names(action)), tuple(items))


def counted(thread: Thread, counts: Mapping[str, int] | None) -> dict[str, object]:
    """Return the names that the text of an edited message finds, by what was counted; else each is 1."""
    if not thread.edits:
        return {}
    found = dict.fromkeys((EVENTS, *(name for name, _ in thread.counts)), 1) | dict(counts or {})
    return {COUNT: found[EVENTS], COUNTS: {name: found[name] for name, _ in thread.counts}}


def labels(thread: Thread, facts: Facts) -> Sequence[str] | None:
    """Return `path=value` for each path of `by`, or None if the event lacks one of them."""
    values: list[str] = []
    for path in thread.by:
        found = [_day(thread.zone, facts)] if path == DATE else values_of((path,), facts)
        if isinstance(found, str):
            return None
        values.append(f"{path}={found[0]}")
    return values


def _day(zone: tzinfo, facts: Facts) -> str:
    at = facts.get("occurred_at")
    return at.astimezone(zone).date().isoformat() if isinstance(at, datetime) else ""
