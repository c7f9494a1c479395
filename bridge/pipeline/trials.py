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


class _Found(Struct, frozen=True):
    """The suspects of a look: the one that may be at work, those that wait, those that are put aside."""

    tried: Due | None = None
    waiting: Sequence[Due] = ()
    worn: Sequence[Due] = ()


_NONE = _Found()


class Trials:
    """Lets one suspect at a time be at work; belongs to one event loop."""

    def __init__(self) -> None:
        self.suspects: set[int] = set()
        self._under_way: _Trial | None = None
        self._looking: str | None = None
        """The channel whose look may bring the next one."""

    def begin(self, left: Left, log: Log) -> None:
        """Take note of what an earlier process left."""
        self.suspects.update(left.suspects)
        for id_ in left.parked:
            log.warning("delivery parked", delivery=id_, why=WORN)

    def look(self, channel: str, busy: Collection[int], now: datetime, log: Log) -> Look:
        """Return what a channel's next look may bring, which obliges to call its `end` or `give_up`.

        `busy` are the deliveries that are at work through the channel.
        """
        trial = self._under_way
        if trial is not None and (now >= trial.until or (trial.channel == channel and trial.seq not in busy)):
            self.suspects.discard(trial.seq)
            self._under_way = trial = None
        may_try = trial is None and self._looking is None
        if may_try:
            self._looking = channel
        barred = () if may_try else self.suspects - ({trial.seq} if trial is not None else set())
        return Look(self, channel, barred, log, may_try=may_try)

    def settle(self, channel: str, found: _Found, until: datetime) -> None:
        """Take note of what a channel's look brought."""
        self.let_go(channel)
        self.suspects.update(due.seq for due in found.waiting)
        if found.tried is not None:
            self.suspects.add(found.tried.seq)
            self._under_way = _Trial(channel, found.tried.seq, until)

    def let_go(self, channel: str) -> None:
        """Let the look of another channel bring the next suspect."""
        if self._looking == channel:
            self._looking = None


class Look:
    """One look of a channel for what is due. `barred` are deliveries that it is to leave alone."""

    def __init__(
        self, trials: Trials, channel: str, barred: Collection[int], log: Log, *, may_try: bool
    ) -> None:
        self.barred = barred
        self._trials = trials
        self._channel = channel
        self._log = log
        self._may_try = may_try
        self._found = _NONE

    def begin(self) -> None:
        """Forget what was claimed: the transaction is run, maybe once more, and may claim nothing now."""
        self._found = _NONE

    def admitted(
        self, connection: Connection, claimed: Sequence[Due], lease: str, now: datetime
    ) -> Sequence[Due]:
        """Return those of claimed deliveries that may be at work; give the others back, or put them aside."""
        self._found = self._sorted(claimed)
        if self._found is _NONE:
            return claimed
        for due in self._found.waiting:
            outbox.give_back(connection, due.seq, lease=lease)
        for due in self._found.worn:
            outbox.park(connection, due.seq, lease=lease, now=now, why=WORN)
        _tell(connection, [due.rule for due in self._found.worn], now)
        apart = {due.seq for due in (*self._found.waiting, *self._found.worn)}
        return [due for due in claimed if due.seq not in apart]

    def end(self, until: datetime) -> bool:
        """Take note of what was claimed until a time; return whether others of its kind wait."""
        for due in self._found.worn:
            self._log.warning("delivery parked", delivery=due.id, rule=due.rule, why=WORN)
        self._trials.settle(self._channel, self._found, until)
        return bool(self.barred or self._found.waiting)

    def give_up(self) -> None:
        """Let another look try: nothing came of this one."""
        self._trials.let_go(self._channel)

    def _sorted(self, claimed: Sequence[Due]) -> _Found:
        suspects = self._trials.suspects
        odd = [due for due in claimed if due.lapses >= APART_FROM or due.seq in suspects]
        if not odd:
            return _NONE
        worn = [due for due in odd if due.lapses >= MOST]
        waiting = [due for due in odd if due.lapses < MOST]
        tried = waiting.pop(0) if waiting and self._may_try else None
        return _Found(tried, waiting, worn)


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
