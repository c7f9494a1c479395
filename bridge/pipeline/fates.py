"""What became of the actions that rules want: what was noted then, or what would stand in their way now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo

from msgspec import Struct, field

from bridge.core.catalogue import Catalogue
from bridge.core.claims import Lacking, claim_of
from bridge.core.events import Event, Facts
from bridge.core.fates import Fate, Held, Later, Led, Left
from bridge.core.halts import WOULD_KEEP
from bridge.core.limits import Uncounted, use_of
from bridge.core.outcomes import State
from bridge.core.routing import RuleExplained
from bridge.core.rules import SHADOW, Action, Rule
from bridge.core.tallies import Uncountable, tally_of
from bridge.core.timing import From, Never, Unsorted, first_due, gathering_of
from bridge.core.unless import Unwatchable, meanwhile, watch_of
from bridge.store import details, halts, limits, memory, tallies, watches
from bridge.store.database import Connection
from bridge.store.details import EventDetails, NotFound
from bridge.store.memory import Holder

_REPLACED = (State.PENDING, State.PARKED, State.KEPT)
"""What a replay of the same event gives up, so that it does not stand in its own way."""
_BEHIND_ALL = 2**63 - 1
"""The number of an entry that is not stored yet."""
Names = tuple[str, str]
"""A rule's name and an action's."""


class EventExplained(Struct, frozen=True):
    """One event of a request: every rule's verdict, and what became of the actions of those that match.

    An action without a fate would be sent, or its own `if:` says why not.
    """

    event: Event
    facts: Facts
    rules: tuple[RuleExplained, ...]
    fates: Mapping[Names, Fate] = field(default_factory=dict)


class Counting(Struct, frozen=True):
    """The rules with `after` by their names; when what is asked about was received, and which event it is."""

    rules: Mapping[str, Rule]
    received_at: datetime
    index: int = 0


class Here(Struct, frozen=True):
    """When it is now, and the courses, some of which have their hours in a zone of their own."""

    now: datetime
    catalogue: Catalogue


def fates_now(
    connection: Connection | None,
    secret: bytes,
    explained: EventExplained,
    actions: Mapping[Names, Action],
    *,
    entry: int | None,
    here: Here,
    counting: Counting | None = None,
) -> dict[Names, Fate]:
    """Return what stands in the way of what the rules want now, or puts it off.

    `entry` is a stored event's own number.

    Without a store (`connection` is None) nothing is taken.
    """
    found: dict[Names, Fate] = {}
    now, zone = here.now, here.catalogue.zone_of(explained.event)
    paused = halts.halted(connection) if connection is not None else frozenset()
    for names in wanted(explained):
        action = actions[names]
        fate = counting and _counted(connection, secret, counting, explained, action.rule, entry)
        fate = fate or _taken(connection, secret, action, explained.facts, entry)
        fate = fate or _overtaken(connection, secret, action, explained, entry, now)
        fate = fate or _limited(connection, secret, action, explained, now, zone)
        fate = fate or (Left(SHADOW) if action.shadow else None)
        fate = fate or (Left(WOULD_KEEP) if action.rule in paused else None)
        fate = fate or _put_off(secret, action, explained, now, zone)
        if fate is not None:
            found[names] = fate
    return found


def fates_then(connection: Connection, found: EventDetails, index: int) -> dict[Names, Fate]:
    """Return what was noted of the last run: what was left out and why, and the deliveries it led to."""
    fates: dict[Names, Fate] = {}
    for note in [*_notes(found, "skipped"), *_notes(found, "failed")]:
        names = (str(note.get("rule")), str(note.get("action")))
        holder = note.get("holder")
        claim = memory.claim_of(connection, holder) if isinstance(holder, str) and holder else None
        fates[names] = Left(str(note.get("why"))) if claim is None else _held(claim)
    for row in found.deliveries:
        if row.event_index == index and row.run == found.row.run:
            held = Later(row.due_at, row.why) if row.state is State.PENDING and row.why else None
            into = row.why if row.state is State.MERGED else None
            why = row.why if row.state is State.SUPPRESSED else None
            fates[row.rule, row.action] = Led(row.id, row.state, row.updated_at, held, into, why)
    return fates


def wanted(explained: EventExplained) -> list[Names]:
    """Return the actions that the rules want."""
    return [(rule.rule, each.action) for rule in explained.rules for each in rule.actions if each.wanted]


def actions_by_name(rules: Iterable[Rule]) -> dict[Names, Action]:
    """Return all actions by the names of their rules and their own."""
    return {(rule.name, action.name): action for rule in rules for action in rule.actions}


def counting_rules(rules: Iterable[Rule]) -> dict[str, Rule]:
    """Return the rules with `after` by their names."""
    return {rule.name: rule for rule in rules if rule.after is not None}


def _counted(
    connection: Connection | None,
    secret: bytes,
    counting: Counting,
    explained: EventExplained,
    rule: str,
    entry: int | None,
) -> Fate | None:
    if rule not in counting.rules:
        return None
    number = _BEHIND_ALL if entry is None else entry
    tally = tally_of(
        secret,
        counting.rules[rule],
        explained.event,
        explained.facts,
        counting.received_at,
        number,
        counting.index,
    )
    if isinstance(tally, Uncountable):
        return Left(tally.why)
    if tally is None or connection is None:
        return None
    counted = tallies.foreseen(connection, tally)
    return None if counted.fires else Left(counted.why)


def _taken(
    connection: Connection | None, secret: bytes, action: Action, facts: Facts, entry: int | None
) -> Fate | None:
    claim = claim_of(secret, action, facts)
    if isinstance(claim, Lacking):
        return Left(claim.why)
    holder = None if claim is None or connection is None else memory.holder_of(connection, claim)
    if connection is None or holder is None or _gives_way(connection, holder, entry):
        return None
    return _held(holder)


def _overtaken(
    connection: Connection | None,
    secret: bytes,
    action: Action,
    explained: EventExplained,
    entry: int | None,
    now: datetime,
) -> Fate | None:
    watch = watch_of(secret, action, explained.event, explained.facts, now)
    if isinstance(watch, Unwatchable):
        return Left(watch.why)
    if watch is None or connection is None:
        return None
    seen = watches.seen(connection, watch, _BEHIND_ALL if entry is None else entry)
    return Left(meanwhile(seen.kind, seen.entry)) if seen else None


def _limited(
    connection: Connection | None,
    secret: bytes,
    action: Action,
    explained: EventExplained,
    now: datetime,
    zone: tzinfo | None,
) -> Fate | None:
    due = first_due(action, explained.event.occurred_at, now, zone)
    use = use_of(secret, action, explained.facts, due.at) if isinstance(due, From) else None
    if isinstance(use, Uncounted):
        return Left(use.why)
    reached = use is not None and connection is not None and limits.is_reached(connection, use)
    return Left(use.why) if use and reached else None


def _put_off(
    secret: bytes, action: Action, explained: EventExplained, now: datetime, zone: tzinfo | None
) -> Fate | None:
    due = first_due(action, explained.event.occurred_at, now, zone)
    if isinstance(due, Never):
        return Left(due.why)
    gathering = gathering_of(secret, action, explained.facts, None, due, zone)
    if isinstance(gathering, Unsorted):
        return Left(gathering.why)
    return Later(due.at, due.why) if due.why is not None else None


def _gives_way(connection: Connection, holder: Holder, entry: int | None) -> bool:
    found = details.show_delivery(connection, holder.delivery_id) if entry is not None else NotFound()
    return not isinstance(found, NotFound) and found.row.inbox_seq == entry and found.row.state in _REPLACED


def _notes(found: EventDetails, name: str) -> list[Mapping[str, object]]:
    notes = (found.row.summary or {}).get(name)
    return [note for note in notes if isinstance(note, Mapping)] if isinstance(notes, list) else []


def _held(holder: Holder) -> Held:
    return Held(holder.delivery_id, holder.state, holder.at, holder.label)
