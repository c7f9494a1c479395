"""Quiet hours on the wall clocks of the world, in summer and winter and while clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.core.quiet_hours import Hours, QuietHours, parse_hours

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NIGHT = Hours(time(21), time(8))
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("21:00-08:00", NIGHT),
        (" 9:30 - 17:00 ", Hours(time(9, 30), time(17))),
        ("21:00-24:00", Hours(time(21), time(0))),
        ("00:00-06:15", Hours(time(0), time(6, 15))),
        *((text, None) for text in ("", "21-8", "21:00", "25:00-08:00", "21:60-08:00", "24:00-08:00")),
        *((text, None) for text in ("21:00-24:01", "08:00-08:00", "00:00-24:00", "21:00-08:00h")),
    ],
)
def test_hours_are_read_as_people_write_them(text: str, hours: Hours | None) -> None:
    """What is no time of the day, and what could mean the whole day or nothing, is refused."""
    assert parse_hours(text) == hours


def test_hours_are_written_as_they_are_read() -> None:
    """A text that is shown can be typed again."""
    assert str(NIGHT) == "21:00-08:00"
    assert parse_hours(str(NIGHT)) == NIGHT


def there(text: str, zone: ZoneInfo = SAO_PAULO) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("zone", "hours", "asked", "allowed"),
    [
        # An ordinary night, its edges, and a nap in the middle of the day.
        ("America/Sao_Paulo", "21:00-08:00", "2026-05-04T20:59:59-03:00", "2026-05-04T20:59:59-03:00"),
        ("America/Sao_Paulo", "21:00-08:00", "2026-05-04T21:00:00-03:00", "2026-05-05T08:00:00-03:00"),
        ("America/Sao_Paulo", "21:00-08:00", "2026-05-05T00:00:00-03:00", "2026-05-05T08:00:00-03:00"),
        ("America/Sao_Paulo", "21:00-08:00", "2026-05-05T07:59:59-03:00", "2026-05-05T08:00:00-03:00"),
        ("America/Sao_Paulo", "21:00-08:00", "2026-05-05T08:00:00-03:00", "2026-05-05T08:00:00-03:00"),
        ("America/Sao_Paulo", "12:00-13:30", "2026-05-05T12:10:00-03:00", "2026-05-05T13:30:00-03:00"),
        ("America/Sao_Paulo", "21:00-24:00", "2026-12-31T22:00:00-03:00", "2027-01-01T00:00:00-03:00"),
        # São Paulo had summer time until February 2019; clocks changed at midnight.
        ("America/Sao_Paulo", "21:00-08:00", "2018-11-03T22:00:00-03:00", "2018-11-04T08:00:00-02:00"),
        ("America/Sao_Paulo", "21:00-00:00", "2018-11-03T22:00:00-03:00", "2018-11-04T01:00:00-02:00"),
        ("America/Sao_Paulo", "21:00-00:30", "2018-11-03T22:00:00-03:00", "2018-11-04T01:00:00-02:00"),
        ("America/Sao_Paulo", "21:00-08:00", "2019-02-16T22:00:00-02:00", "2019-02-17T08:00:00-03:00"),
        ("America/Sao_Paulo", "22:00-23:30", "2019-02-16T22:00:00-02:00", "2019-02-16T23:30:00-02:00"),
        ("America/Sao_Paulo", "22:00-23:30", "2019-02-16T23:10:00-03:00", "2019-02-16T23:30:00-03:00"),
        ("America/Sao_Paulo", "21:00-08:00", "2026-11-01T00:30:00-03:00", "2026-11-01T08:00:00-03:00"),
        # Europe: 02:00 to 03:00 is left out in March, and comes twice in October.
        ("Europe/Lisbon", "22:00-01:30", "2026-03-28T23:00:00+00:00", "2026-03-29T02:00:00+01:00"),
        ("Europe/Berlin", "22:00-02:30", "2026-10-24T23:00:00+02:00", "2026-10-25T02:30:00+02:00"),
        ("Europe/Berlin", "22:00-02:30", "2026-10-25T02:10:00+01:00", "2026-10-25T02:30:00+01:00"),
        # Half an hour in Lord Howe; a day that Apia never had.
        ("Australia/Lord_Howe", "22:00-02:15", "2026-10-03T23:00:00+10:30", "2026-10-04T02:30:00+11:00"),
        ("Pacific/Apia", "21:00-08:00", "2011-12-29T22:00:00-10:00", "2011-12-31T08:00:00+14:00"),
    ],
)
def test_they_end_on_the_wall_clock(zone: str, hours: str, asked: str, allowed: str) -> None:
    """The first moment at which the wall shows another hour, whatever is done to the clock meanwhile."""
    parsed = parse_hours(hours)
    assert parsed is not None
    quiet = QuietHours(parsed, ZoneInfo(zone))
    assert quiet.next_allowed(datetime.fromisoformat(asked)) == datetime.fromisoformat(allowed)


ZONES = st.sampled_from(
    [
        *("America/Sao_Paulo", "Europe/Lisbon", "Europe/Berlin", "America/New_York", "Pacific/Apia"),
        *("Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "America/Nuuk", "UTC"),
    ]
).map(ZoneInfo)
CHANGES = st.sampled_from(
    [
        *("2018-11-04", "2019-02-17", "2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01", "2011-12-30"),
        *("2026-04-05", "2026-10-04", "2025-02-23", "2025-04-06", "2026-05-04"),
    ]
).map(lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC))
MOMENTS = st.builds(
    lambda day, away: day + timedelta(seconds=away), CHANGES, st.integers(-40 * 3600, 40 * 3600)
)
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 10, 30, 59]))
QUIET = st.builds(Hours, TIMES, TIMES).filter(lambda hours: hours.start != hours.end)


@given(hours=QUIET, zone=ZONES, moment=MOMENTS)
def test_what_is_allowed_is_never_quiet_and_never_early(
    hours: Hours, zone: ZoneInfo, moment: datetime
) -> None:
    """Around the days on which clocks are changed, in every direction."""
    quiet = QuietHours(hours, zone)
    allowed = quiet.next_allowed(moment)
    assert allowed >= moment
    assert not quiet.holds(allowed)
    assert quiet.next_allowed(allowed) == allowed
    assert allowed - moment < timedelta(hours=50)


@given(hours=QUIET, zone=ZONES, moment=MOMENTS, data=st.data())
def test_nothing_before_it_is_allowed(
    hours: Hours, zone: ZoneInfo, moment: datetime, data: st.DataObject
) -> None:
    """It is the first such moment: at any before it the wall shows quiet hours."""
    quiet = QuietHours(hours, zone)
    allowed = quiet.next_allowed(moment)
    assume(allowed > moment)
    before = data.draw(st.integers(0, int((allowed - moment).total_seconds()) - 1))
    assert quiet.holds(moment + timedelta(seconds=before))


@given(hours=QUIET, zone=ZONES, moment=MOMENTS, later=st.integers(0, 100_000))
def test_who_asks_later_is_allowed_no_earlier(
    hours: Hours, zone: ZoneInfo, moment: datetime, later: int
) -> None:
    """Order is kept."""
    quiet = QuietHours(hours, zone)
    assert quiet.next_allowed(moment) <= quiet.next_allowed(moment + timedelta(seconds=later))
