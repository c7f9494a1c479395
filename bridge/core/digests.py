"""Messages that are collected: when a digest goes out, and which messages go out together as one.

What counts is what the clock on the wall of the digest's zone shows. A time that it jumps over is the moment
of the jump; one that it shows twice is the first of the two, so that a day has one digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.identity import gathering_key
from bridge.core.quiet_hours import change_between

Every = Literal["day", "weekday", "week"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
_DAY = timedelta(days=1)


class Digest(Struct, frozen=True):
    """A time of the day at which what was collected is sent: every day, Monday to Friday, or once a week.

    `on` is the day of the week, for `every="week"` alone. One message for each value of the paths of `by`.
    """

    at: time
    zone: tzinfo
    every: Every = "day"
    on: Weekday = "monday"
    by: tuple[str, ...] = ()

    def next_after(self, moment: datetime) -> datetime:
        """Return the first moment after an aware time at which a digest goes out, in UTC."""
        return next(each for each in self._moments(moment) if each > moment)

    def told(self, moment: datetime) -> str:
        """Return what joins the digest of a moment waits for, in words."""
        there = moment.astimezone(self.zone)
        return f"joins the digest of {there:%Y-%m-%d} at {there:%H:%M}"

    def _moments(self, moment: datetime) -> Iterator[datetime]:
        day = moment.astimezone(self.zone).date() - _DAY
        while True:
            if self._is_due_on(day):
                yield self._on(day)
            day += _DAY

    def _is_due_on(self, day: date) -> bool:
        match self.every:
            case "day":
                return True
            case "weekday":
                return day.weekday() < 5
            case "week":
                return WEEKDAYS[day.weekday()] == self.on

    def _on(self, day: date) -> datetime:
        there = datetime.combine(day, self.at, self.zone)
        first = there.astimezone(UTC)
        if first.astimezone(self.zone).replace(tzinfo=None) == there.replace(tzinfo=None):
            return first
        # The clock jumps over it: by the time before the jump it would be later, by the one after earlier.
        return change_between(there.replace(fold=1).astimezone(UTC), first, self.zone)


class Gathering(Struct, frozen=True):
    """What a message waits with: those of the same `key` go out at `at` as one.

    `lane` is that of a message that is nobody's own; None where it stays in its learner's. `next` says, for
    what comes too late, when it goes out instead, and why it waits until then; None: by itself.
    """

    secret: bytes
    names: tuple[str, ...]
    at: datetime
    lane: bytes | None = None
    next: Callable[[datetime], tuple[datetime, str]] | None = None

    @property
    def key(self) -> bytes:
        """16 bytes for the rule, the action, whom it is for, and the moment."""
        return gathering_key(self.secret, self.names, self.at)

    def following(self) -> tuple[Gathering, str] | None:
        """Return the one after this, with what it waits for; None if there is none."""
        if self.next is None:
            return None
        at, why = self.next(self.at)
        return replace(self, at=at), why
