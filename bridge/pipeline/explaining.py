"""Why an event led to what it led to: by the rules that judged it, or by those of now.

What can be computed again is: the event from its raw bytes, the verdicts from the rules kept then. Only
what cannot be, such as who had a claim, is read from what was noted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

from bridge.core.catalogue import Catalogue
from bridge.core.claims import Lacking, claim_of
from bridge.core.events import Event, Facts
from bridge.core.fates import Fate, Held, Later, Led, Left
from bridge.core.limits import Uncounted, use_of
from bridge.core.outcomes import State
from bridge.core.routing import RuleExplained, explain
from bridge.core.rulebook import Book, Compile, read_book, zone_of
from bridge.core.rules import OWNER_RULE, SHADOW, Action, Rule
from bridge.core.tallies import Uncountable, tally_of
from bridge.core.timing import From, Never, Unsorted, first_due, gathering_of
from bridge.core.unless import Unwatchable, meanwhile, watch_of
from bridge.pipeline.node import Node
from bridge.pipeline.register import Place, known
from bridge.pipeline.rulebook import Rulebook
from bridge.sources.base import Malformed, Request, Source, Unsupported
from bridge.store import details, limits, memory, rulebooks, tallies, watches
from bridge.store.database import Connection
from bridge.store.details import EventDetails, NotFound
from bridge.store.memory import Holder

_REPLACED = (State.PENDING, State.PARKED, State.KEPT)
"""What a replay of the same event gives up, so that it does not stand in its own way."""
_BEHIND_ALL = 2**63 - 1
"""The number of an entry that is not stored yet."""
Names = tuple[str, str]
"""A rule's name and an action's."""
Then = Literal["then", "now"]


@dataclass(frozen=True, slots=True)
class EventExplained:
    """One event of a request: every rule's verdict, and what became of the actions of those that match.

    An action without a fate would be sent, or its own `if:` says why not.
    """

    event: Event
    facts: Facts
    rules: tuple[RuleExplained, ...]
    fates: Mapping[Names, Fate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Explanation:
    """By the rules of `then`, which decided, or of `now`, which would decide; `notes` are sentences on that.

    `changed` says that the rules are others today.
    """

    basis: Then
    events: tuple[EventExplained, ...]
    notes: tuple[str, ...] = ()
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Counting:
    """The rules with `after` by their names; when what is asked about was received, and which event it is."""

    rules: Mapping[str, Rule]
    received_at: datetime
    index: int = 0


@dataclass(frozen=True, slots=True)
class Here:
    """When it is now, and the courses, some of which have their hours in a zone of their own."""

    now: datetime
    catalogue: Catalogue


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A stored request that cannot be explained, and why."""

    why: str


class Explainer:
    """Explains stored events.

    `compile_if` compiles the `if:` of rules that were kept; `hide` takes secrets out of what rules want.
    """

    def __init__(
        self,
        node: Node,
        sources: Mapping[str, Source],
        rules: Sequence[Rule],
        rulebook: Rulebook,
        compile_if: Compile,
        hide: Callable[[str], str] = str,
    ) -> None:
        self._hide = hide
        self._clock = node.clock
        self._catalogue = node.catalogue
        self._database = node.database
        self._sources = sources
        self._rules = tuple(rules)
        self._rulebook = rulebook
        self._compile_if = compile_if

    async def explain(
        self, found: EventDetails, *, now: bool = False, rule: str | None = None
    ) -> Explanation | Unexplained:
        """Explain a stored event as of then, or by the rules of `now`; of all rules, or of one."""
        source = self._sources.get(found.entry.source)
        if source is None:
            return Unexplained(f"source '{found.entry.source}' is no longer in the configuration")
        entry = found.entry
        parsed = source.parse(Request(entry.headers, entry.body, entry.received_at))
        if isinstance(parsed, Malformed | Unsupported):
            return Unexplained(parsed.why)
        events = await self._database.read(lambda connection: self._known(connection, entry.seq, parsed))
        names = [(event.type, event.kind) for event in events]
        basis = _Basis("now", Book(self._rules)) if now else await self._basis(found, names)
        rules = [
            each
            for each in basis.book.rules
            if each.name not in basis.book.hidden and rule in (None, each.name)
        ]
        made = await asyncio.to_thread(
            lambda: [
                EventExplained(event, facts, explain(rules, event, facts, self._hide))
                for event, facts in _with_facts(events)
            ]
        )
        told = (
            *basis.notes,
            *_unknown(basis, found, rule),
            *(() if rule else _contradiction(basis, found, made)),
        )
        fated = await self._database.read(lambda connection: self._fated(connection, basis, found, made))
        return Explanation(basis.basis, fated, told, basis.changed)

    def _known(self, connection: Connection, entry: int, events: Sequence[Event]) -> list[Event]:
        secret = self._database.secret
        return [
            known(connection, secret, self._catalogue, Place(entry, index), event)
            for index, event in enumerate(events)
        ]

    async def _basis(self, found: EventDetails, names: Sequence[tuple[str, str]]) -> _Basis:
        """Return the rules that judged an event, or those of now with the reason."""
        today = Book(self._rules)
        summary = found.row.summary or {}
        if found.row.state != "done":
            return _Basis("now", today, ("No rule has judged it yet; these are the rules of now.",))
        digest = summary.get("rules")
        if not isinstance(digest, str) or not digest:
            return _Basis("now", today, ("Which rules judged it was not noted; these are the rules of now.",))
        if bytes.fromhex(digest) == await self._rulebook.digest():
            return _Basis("then", today)
        kept = await self._database.read(lambda connection: rulebooks.find(connection, bytes.fromhex(digest)))
        if kept is None:
            return _Basis(
                "now", today, ("The rules that judged it are not kept; these are the rules of now.",)
            )
        book = await asyncio.to_thread(
            lambda: read_book(kept, ZoneInfo(zone_of(kept)), self._compile_if, names)
        )
        return _Basis("then", book, changed=True)

    def _fated(
        self, connection: Connection, basis: _Basis, found: EventDetails, made: Iterable[EventExplained]
    ) -> tuple[EventExplained, ...]:
        if basis.basis == "then":
            return tuple(
                replace(each, fates=_fates_then(connection, found, index)) for index, each in enumerate(made)
            )
        actions = actions_by_name(basis.book.rules)
        counting = counting_rules(basis.book.rules)
        return tuple(
            replace(
                each,
                fates=fates_now(
                    connection,
                    self._database.secret,
                    each,
                    actions,
                    entry=found.row.seq,
                    here=Here(self._clock.now(), self._catalogue),
                    counting=Counting(counting, found.row.received_at, index),
                ),
            )
            for index, each in enumerate(made)
        )


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
    for names in wanted(explained):
        action = actions[names]
        fate = counting and _counted(connection, secret, counting, explained, action.rule, entry)
        fate = fate or _taken(connection, secret, action, explained.facts, entry)
        fate = fate or _overtaken(connection, secret, action, explained, entry, now)
        fate = fate or _limited(connection, secret, action, explained, now, zone)
        fate = fate or (Left(SHADOW) if action.shadow else _put_off(secret, action, explained, now, zone))
        if fate is not None:
            found[names] = fate
    return found


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


def actions_by_name(rules: Iterable[Rule]) -> dict[Names, Action]:
    """Return all actions by the names of their rules and their own."""
    return {(rule.name, action.name): action for rule in rules for action in rule.actions}


def counting_rules(rules: Iterable[Rule]) -> dict[str, Rule]:
    """Return the rules with `after` by their names."""
    return {rule.name: rule for rule in rules if rule.after is not None}


@dataclass(frozen=True, slots=True)
class _Basis:
    basis: Then
    book: Book
    notes: tuple[str, ...] = ()
    changed: bool = False


def _with_facts(events: Iterable[Event]) -> list[tuple[Event, Facts]]:
    return [(event, event.facts()) for event in events]


def wanted(explained: EventExplained) -> list[Names]:
    """Return the actions that the rules want."""
    return [(rule.rule, each.action) for rule in explained.rules for each in rule.actions if each.wanted]


def _gives_way(connection: Connection, holder: Holder, entry: int | None) -> bool:
    found = details.show_delivery(connection, holder.delivery_id) if entry is not None else NotFound()
    return not isinstance(found, NotFound) and found.row.inbox_seq == entry and found.row.state in _REPLACED


def _fates_then(connection: Connection, found: EventDetails, index: int) -> dict[Names, Fate]:
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


def _notes(found: EventDetails, name: str) -> list[Mapping[str, object]]:
    notes = (found.row.summary or {}).get(name)
    return [note for note in notes if isinstance(note, Mapping)] if isinstance(notes, list) else []


def _held(holder: Holder) -> Held:
    return Held(holder.delivery_id, holder.state, holder.at, holder.label)


def _unknown(basis: _Basis, found: EventDetails, rule: str | None) -> Iterator[str]:
    """Yield what is known of the rules whose conditions are not kept, and of the bridge's own."""
    matched = (found.row.summary or {}).get("matched") or ()
    if OWNER_RULE in matched and rule is None:
        yield "It is a notice of the bridge itself, for its owner."
    for name in sorted(basis.book.hidden):
        if rule in (None, name):
            verdict = "matched" if name in matched else "did not match"
            yield f"The rule {name} {verdict}; it held a secret, so its conditions were not kept."


def _contradiction(basis: _Basis, found: EventDetails, made: Iterable[EventExplained]) -> tuple[str, ...]:
    """Say so when what is computed is not what was decided: another version may read events otherwise."""
    noted = (found.row.summary or {}).get("matched")
    computed = {rule.rule for each in made for rule in each.rules if rule.matched}
    apart = {*basis.book.hidden, OWNER_RULE}
    if basis.basis == "now" or not isinstance(noted, list) or set(noted) - apart == computed:
        return ()
    decided = ", ".join(map(str, noted)) or "no rule"
    return (
        f"This version of the bridge comes to another result than the one that decided: {decided} matched.",
    )
