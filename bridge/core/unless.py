"""What withdraws a message that still waits: `unless:`, found by what an event is called.

An event of a kind that stands under no `unless:` costs one look into a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from bridge.core.claims import values_of
from bridge.core.events import Event, Facts
from bridge.core.formers import kept_under
from bridge.core.identity import watch_key
from bridge.core.routing import REMEMBERED_NAMES, is_named
from bridge.core.rules import Action, Rule, Unless


class Watch(Struct, frozen=True):
    """What a waiting message watches for: an event of this key that happens after `since`."""

    key: bytes
    since: datetime


class Unwatchable(Struct, frozen=True):
    """A value that `same` needs and the event does not have, so that nothing is sent."""

    path: str

    @property
    def why(self) -> str:
        """The reason, as a sentence."""
        return f"unless needs '{self.path}', which this event does not have"


class Sighting(Struct, frozen=True):
    """An event that withdraws what watches for its key and began before it."""

    key: bytes
    at: datetime
    kind: str


class Lookout:
    """All actions with an `unless:`, by the names of the events that it names."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._watched = [
            (action, action.unless) for rule in rules for action in rule.actions if action.unless is not None
        ]
        self._remembered: dict[tuple[str, str], list[tuple[Action, Unless]]] = {}

    @property
    def watches(self) -> bool:
        """Whether there is any."""
        return bool(self._watched)

    def sightings(
        self, secret: bytes, event: Event, facts: Facts, received_at: datetime
    ) -> Iterator[Sighting]:
        """Yield what an event withdraws; `secret` is the store's."""
        for action, unless in self._named(event):
            if unless.when.matches(facts):
                key = _key(secret, action, unless, facts)
                if isinstance(key, bytes):
                    yield Sighting(key, _at(event, received_at), event.kind)

    def _named(self, event: Event) -> list[tuple[Action, Unless]]:
        name = (event.type, event.kind)
        found = self._remembered.get(name)
        if found is None:
            found = [each for each in self._watched if any(is_named(on, *name) for on in each[1].on)]
            if len(self._remembered) < REMEMBERED_NAMES:
                self._remembered[name] = found
        return found


def watch_of(
    secret: bytes, action: Action, event: Event, facts: Facts, received_at: datetime
) -> Watch | Unwatchable | None:
    """Return what the message about an event watches for while it waits; None without an `unless:`."""
    if action.unless is None:
        return None
    key = _key(secret, action, action.unless, facts)
    return Watch(key, _at(event, received_at)) if isinstance(key, bytes) else key


def meanwhile(kind: str, entry: int) -> str:
    """Return why a message was withdrawn."""
    return f"unless: {kind} happened meanwhile, event {entry}"


def _at(event: Event, received_at: datetime) -> datetime:
    """Return when an event happened; one that claims to be from the future must not rule for years."""
    return min(event.occurred_at, received_at)


def _key(secret: bytes, action: Action, unless: Unless, facts: Facts) -> bytes | Unwatchable:
    values = values_of(unless.same, facts)
    if isinstance(values, str):
        return Unwatchable(values)
    rule, name = kept_under(action.rule, action.rule_was), kept_under(action.name, action.was)
    return watch_key(secret, rule, name, values)
