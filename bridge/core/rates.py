"""How fast a channel may send: `30/min` as people write it, kept by the generic cell rate algorithm.

The only state is one instant, the theoretical arrival time, so a rate survives restarts in one column
(ITU-T I.371, annex A).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from msgspec import Struct

from bridge.core.durations import SKEW

_PERIODS = {
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_RATE = re.compile(r"\s*([1-9][0-9]{0,5})\s*/\s*(s|min|h|d)\s*")
EXPECTED = "a rate such as 1/s, 30/min, 500/h or 1000/d"
MICROSECOND = timedelta(microseconds=1)
BURSTS_PER_SECOND = 10
"""How often a second a fast rate is filled up: what falls between two fillings may go at once."""


class Rate(Struct, frozen=True):
    """At most `count` in each `per`, evenly spread."""

    count: int
    per: timedelta

    @property
    def apart(self) -> timedelta:
        """How far apart two messages are; rounded up, so that rounding never lets one more through."""
        return timedelta(microseconds=-(-(self.per // MICROSECOND) // self.count))

    @property
    def burst(self) -> int:
        """How many may go at the same moment: one, or of a fast rate what a tenth of a second brings."""
        return max(1, timedelta(seconds=1) // (BURSTS_PER_SECOND * self.apart))

    def __str__(self) -> str:
        """Return the rate as people write it."""
        return f"{self.count}/{next(name for name, per in _PERIODS.items() if per == self.per)}"


class Allowance(Struct, frozen=True):
    """How many may be sent now, and if none, from when on; `until` None means at no known time."""

    count: int
    until: datetime | None = None


def parse_rate(text: str) -> Rate | None:
    """Return the rate, or None for a text that is none; `EXPECTED` says what was expected."""
    found = _RATE.fullmatch(text)
    return Rate(int(found[1]), _PERIODS[found[2]]) if found else None


def allowed(rate: Rate, arrival: datetime | None, now: datetime, limit: int) -> Allowance:
    """Return how many of `limit` may go at `now`; `arrival` is the stored state, None before the first."""
    ahead = _ahead(rate, arrival, now)
    count = max(0, (rate.burst * rate.apart - ahead) // rate.apart)
    if count:
        return Allowance(min(limit, count))
    return Allowance(0, now + ahead - (rate.burst - 1) * rate.apart)


def taken(rate: Rate, arrival: datetime | None, now: datetime, count: int) -> datetime:
    """Return the state after `count` went at `now`; a negative count gives back what was not sent."""
    start = now + _ahead(rate, arrival, now) if arrival is None or count > 0 else arrival
    return start + count * rate.apart


def _ahead(rate: Rate, arrival: datetime | None, now: datetime) -> timedelta:
    """Return how far the state is ahead of the clock.

    It gets no further than a burst by itself, and what clocks of nodes differ: where it is, the clock was set
    back, or the rate was slower, and it says nothing; one message goes, and leaves a state that does.
    """
    ahead = max(timedelta(0), arrival - now) if arrival else timedelta(0)
    return (rate.burst - 1) * rate.apart if ahead > rate.burst * rate.apart + SKEW else ahead
