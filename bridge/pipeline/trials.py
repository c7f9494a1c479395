"""Deliveries that were under way when the process ended: each is tried while no other one of them is.

Whatever ends the process ends it for all that is at work, and only apart from each other they can be told
from their neighbours. Shared by all loops of a process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from msgspec import Struct

from bridge.core.rules import OWNER_RULE
from bridge.core.trouble import Trouble
from bridge.logs import Log
from bridge.store import inbox, incidents, lapses, outbox
from bridge.store.database import Connection
from bridge.store.deliveries import Due

MOST = 5
"""How often a delivery is taken up without coming to anything before it is held to end the process."""
APART_FROM = 2
"""After how many times it is kept apart from others like it."""
WORN = (
    f"taken up {MOST} times without finishing: the bridge ended each time, or took longer than a "
    "lease; look at the log, then retry"
)


class Left(Struct, frozen=True):
    """What an earlier process left: the deliveries to keep apart, by number, and those put aside, by id."""

    suspects: Sequence[int]
    parked: Sequence[str]


class _Trial(Struct, frozen=True):
    """A suspect that is at work, and until when its lease lasts."""

    channel: str
    seq: int
    until: datetime


class Trials:
    """Lets one suspect at a time through."""

    def __init__(self) -> None:
        self._suspects: set[int] = set()
        self._under_way: _Trial | None = None

    def begin(self, left: Left, log: Log) -> None:
        """Take note of what an earlier process left."""
        self._suspects.update(left.suspects)
        for id_ in left.parked:
            log.warning("delivery parked", delivery=id_, why=WORN)

    def barred(self, channel: str, busy: Collection[int], now: datetime) -> Collection[int]:
        """Return which deliveries are not to be claimed now; `busy` are those at work through the channel."""
        trial = self._under_way
        if trial is not None and (now >= trial.until or (trial.channel == channel and trial.seq not in busy)):
            self._suspects.discard(trial.seq)
            self._under_way = trial = None
        return self._suspects - {trial.seq} if trial is not None else ()

    @property
    def go_on(self) -> bool:
        """Whether others wait for the one that is at work."""
        return self._under_way is not None and len(self._suspects) > 1

    def admitted(
        self, connection: Connection, claimed: Sequence[Due], lease: str, until: datetime, now: datetime
    ) -> Sequence[Due]:
        """Return those of claimed deliveries that may be at work; the others go back, or are put aside."""
        if not self._suspects and not any(due.lapses for due in claimed):
            return claimed
        return [due for due in claimed if self._is_admitted(connection, due, lease, until, now)]

    def _is_admitted(
        self, connection: Connection, due: Due, lease: str, until: datetime, now: datetime
    ) -> bool:
        if due.lapses >= MOST:
            if outbox.park(connection, due.seq, lease=lease, now=now, why=WORN):
                _tell(connection, [due.rule], now)
            return False
        if due.lapses >= APART_FROM:
            self._suspects.add(due.seq)
        if due.seq not in self._suspects:
            return True
        if self._under_way is None:
            self._under_way = _Trial(due.channel, due.seq, until)
        if self._under_way.seq == due.seq:  # also when this transaction is run again
            return True
        outbox.give_back(connection, due.seq, lease=lease)
        return False


def taken_back(connection: Connection, now: datetime) -> Left:
    """Take back every lease that an earlier process left; only for one that is alone on its store."""
    inbox.release_all(connection)
    under_way = lapses.under_lease(connection)
    parked: list[tuple[str, str]] = []
    if under_way:
        worn = [seq for seq, times in lapses.count(connection, under_way).items() if times >= MOST]
        parked = lapses.park(connection, worn, now=now, why=WORN)
        _tell(connection, [rule for _, rule in parked], now)
        outbox.release_all(connection)
    return Left(lapses.suspects(connection, APART_FROM), [id_ for id_, _ in parked])


def _tell(connection: Connection, rules: Sequence[str], now: datetime) -> None:
    for rule, times in Counter(rules).items():
        if rule != OWNER_RULE:
            incidents.happened(connection, Trouble.PARKED, rule, now=now, why=WORN, count=times)
