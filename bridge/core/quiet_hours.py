"""Hours of the day in which nothing is sent: `21:00-08:00`, on the wall clock of one zone.

What counts is what the clock on the wall shows. Where it jumps over the end of the quiet hours they end with
the jump; where it is put back into them they begin once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo

from msgspec import Struct

EXPECTED = 'quiet hours such as "21:00-08:00"'
_HOURS = re.compile(r"\s*([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})\s*")
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)


class Hours(Struct, frozen=True):
    """From one time of the day until before another, over midnight where the second is the earlier one."""

    start: time
    end: time

    def __contains__(self, at: time) -> bool:
        """Return whether a time of the day is one of them."""
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end

    def __str__(self) -> str:
        """Return the hours as people write them."""
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


class QuietHours(Struct, frozen=True):
    """Quiet hours in a zone."""

    hours: Hours
    zone: tzinfo

    def holds(self, moment: datetime) -> bool:
        """Return whether an aware time is within the quiet hours."""
        return moment.astimezone(self.zone).time() in self.hours

    def next_allowed(self, moment: datetime) -> datetime:
        """Return the first moment from `moment` on that is not within the quiet hours, in UTC."""
        if not self.holds(moment):
            return moment
        ends = (*self._ends(moment), *_clock_changes(moment, self.zone))
        return min(each for each in ends if each > moment and not self.holds(each))

    def __str__(self) -> str:
        """Return the hours as people write them, without the zone."""
        return str(self.hours)

    def _ends(self, moment: datetime) -> Iterator[datetime]:
        """Yield when the wall clock shows the end, today and on the next days, twice where it does."""
        today = moment.astimezone(self.zone).date()
        for days in range(3):
            for fold in (0, 1):
                there = datetime.combine(today + days * _DAY, self.hours.end, self.zone).replace(fold=fold)
                yield there.astimezone(UTC)


def parse_hours(text: str) -> Hours | None:
    """Return the hours, or None for a text that is none; `EXPECTED` says what was expected.

    Hours that end when they begin are none: nobody could say whether they are the whole day or nothing.
    """
    found = _HOURS.fullmatch(text)
    if found is None:
        return None
    start, end = _time(found[1], found[2]), _time(found[3], found[4], last=24)
    return Hours(start, end) if start is not None and end is not None and start != end else None


def _time(hour: str, minute: str, last: int = 23) -> time | None:
    """Return the time of the day; midnight at its end is written 24:00."""
    if int(minute) > 59 or int(hour) * 60 + int(minute) > last * 60 + (0 if last == 24 else 59):
        return None
    return time(int(hour) % 24, int(minute))


def _clock_changes(moment: datetime, zone: tzinfo) -> Iterator[datetime]:
    """Yield when the zone's clocks are changed within the next two days."""
    start = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    for hours in range(50):
        before, after = start + hours * _HOUR, start + (hours + 1) * _HOUR
        if _offset(before, zone) != _offset(after, zone):
            yield change_between(before, after, zone)


def change_between(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """Return the second at which the zone's clocks are changed between two moments."""
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if _offset(middle, zone) == _offset(before, zone):
            before = middle
        else:
            after = middle
    return after


def _offset(moment: datetime, zone: tzinfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()
