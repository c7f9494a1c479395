"""Requests with a wrong signature: when several of them are trouble, and how many came."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct, field

from bridge.core.trouble import Trouble
from bridge.store import incidents
from bridge.store.database import Connection

FORGED = 3
"""So many wrong signatures within `FORGED_WITHIN` are trouble; fewer may be anybody trying."""
FORGED_WITHIN = timedelta(minutes=10)


class Forged(Struct, frozen=True):
    """How many requests to a source are not noted yet, and when the last of them came."""

    source: str
    count: int
    last: datetime


class Count(Struct):
    """Counts those that are not noted in the store yet, of each source the latest."""

    _recent: dict[str, deque[datetime]] = field(default_factory=dict)

    def add(self, source: str, now: datetime) -> bool:
        """Count a request; returns whether there are enough for trouble, which are to be noted then."""
        recent = self._recent.setdefault(source, deque(maxlen=FORGED))
        recent.append(now)
        if len(recent) < FORGED or now - recent[0] > FORGED_WITHIN:
            return False
        recent.clear()  # so that a flood is one write for several requests
        return True

    def unnoted(self) -> Sequence[Forged]:
        """Return what is not noted yet."""
        return [Forged(source, len(recent), recent[-1]) for source, recent in self._recent.items() if recent]

    def are_noted(self, noted: Iterable[Forged]) -> None:
        """Forget what was noted, and not what came meanwhile."""
        for each in noted:
            recent = self._recent[each.source]
            while recent and recent[0] <= each.last:
                recent.popleft()


def note(connection: Connection, forged: Iterable[Forged]) -> list[Forged]:
    """Note those whose source is in trouble already, and return them: it lasts as long as any come."""
    return [
        each
        for each in forged
        if incidents.lasts(connection, Trouble.REFUSED, each.source, now=each.last, count=each.count)
    ]
