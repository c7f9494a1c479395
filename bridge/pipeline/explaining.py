"""Why an event led to what it led to: by the rules that judged it, or by those of now.

What can be computed again is: the event from its raw bytes, the verdicts from the rules kept then. Only
what cannot be, such as who had a claim, is read from what was noted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.events import Event, Facts
from bridge.core.routing import explain
from bridge.core.rulebook import Book, Compile, read_book, zone_of
from bridge.core.rules import OWNER_RULE, Rule
from bridge.pipeline.fates import (
    Counting,
    EventExplained,
    Here,
    actions_by_name,
    counting_rules,
    fates_now,
    fates_then,
)
from bridge.pipeline.node import Node
from bridge.pipeline.register import Place, known
from bridge.pipeline.rulebook import Rulebook
from bridge.sources.base import Malformed, Request, Source, Unsupported
from bridge.store import rulebooks
from bridge.store.database import Connection
from bridge.store.details import EventDetails

Then = Literal["then", "now"]


class Explanation(Struct, frozen=True):
    """By the rules of `then`, which decided, or of `now`, which would decide; `notes` are sentences on that.

    `changed` says that the rules are others today.
    """

    basis: Then
    events: tuple[EventExplained, ...]
    notes: tuple[str, ...] = ()
    changed: bool = False


class Unexplained(Struct, frozen=True):
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
                replace(each, fates=fates_then(connection, found, index)) for index, each in enumerate(made)
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


class _Basis(Struct, frozen=True):
    basis: Then
    book: Book
    notes: tuple[str, ...] = ()
    changed: bool = False


def _with_facts(events: Iterable[Event]) -> list[tuple[Event, Facts]]:
    return [(event, event.facts()) for event in events]


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
