"""When digests go out, on the wall clocks of the world; and what goes out together."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.digests import WEEKDAYS, Digest, Every, Gathering, Weekday

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
SECRET = b"s" * 32
DAY = timedelta(days=1)
BEGIN = datetime(2005, 1, 1, tzinfo=UTC)


def digest(at: str, zone: str = "America/Sao_Paulo", every: Every = "day", on: Weekday = "monday") -> Digest:
    return Digest(time.fromisoformat(at), ZoneInfo(zone), every, on)


@pytest.mark.parametrize(
    ("made", "asked", "sent"),
    [
        # Later today, at this very moment, and tomorrow.
        (digest("18:00"), "2026-05-04T17:59:59-03:00", "2026-05-04T18:00:00-03:00"),
        (digest("18:00"), "2026-05-04T18:00:00-03:00", "2026-05-05T18:00:00-03:00"),
        (digest("18:00"), "2026-05-04T18:00:01-03:00", "2026-05-05T18:00:00-03:00"),
        (digest("00:00"), "2026-05-04T23:59:59-03:00", "2026-05-05T00:00:00-03:00"),
        # Monday to Friday: Friday evening's event waits for Monday.
        (digest("18:00", every="weekday"), "2026-05-07T19:00:00-03:00", "2026-05-08T18:00:00-03:00"),
        (digest("18:00", every="weekday"), "2026-05-08T19:00:00-03:00", "2026-05-11T18:00:00-03:00"),
        # Once a week, the day in the digest's zone and not in the event's.
        (digest("09:00", every="week"), "2026-05-04T09:00:00-03:00", "2026-05-11T09:00:00-03:00"),
        (
            digest("09:00", every="week", on="friday"),
            "2026-05-04T09:00:00-03:00",
            "2026-05-08T09:00:00-03:00",
        ),
        (
            digest("22:00", every="week", on="sunday"),
            "2026-05-04T00:30:00+00:00",
            "2026-05-03T22:00:00-03:00",
        ),
        # São Paulo's clocks went from 00:00 to 01:00 on 4 November 2018, and from 24:00 back to 23:00 on
        # 16 February 2019; there has been no change since.
        (digest("00:30"), "2018-11-03T12:00:00-03:00", "2018-11-04T01:00:00-02:00"),
        (digest("00:00"), "2018-11-03T12:00:00-03:00", "2018-11-04T01:00:00-02:00"),
        (digest("01:00"), "2018-11-03T12:00:00-03:00", "2018-11-04T01:00:00-02:00"),
        (digest("23:30"), "2019-02-16T12:00:00-02:00", "2019-02-16T23:30:00-02:00"),
        (digest("23:30"), "2019-02-16T23:30:00-02:00", "2019-02-17T23:30:00-03:00"),
        (digest("18:00"), "2019-11-03T12:00:00-03:00", "2019-11-03T18:00:00-03:00"),
        (digest("18:00"), "2018-02-17T19:00:00-02:00", "2018-02-18T18:00:00-03:00"),
        # Lisbon: 01:00 to 02:00 in March, 02:00 to 01:00 in October. Lord Howe: by half an hour.
        (digest("01:30", "Europe/Lisbon"), "2026-03-28T12:00:00+00:00", "2026-03-29T02:00:00+01:00"),
        (digest("01:30", "Europe/Lisbon"), "2026-10-24T12:00:00+01:00", "2026-10-25T01:30:00+01:00"),
        (digest("01:30", "Europe/Lisbon"), "2026-10-25T01:30:00+01:00", "2026-10-26T01:30:00+00:00"),
        (digest("02:15", "Australia/Lord_Howe"), "2026-10-03T12:00:00+10:30", "2026-10-04T02:30:00+11:00"),
    ],
)
def test_the_next_digest_is_at_its_time_on_the_wall(made: Digest, asked: str, sent: str) -> None:
    """A time that the clocks jump over is the moment of the jump; one that comes twice is the first."""
    assert made.next_after(datetime.fromisoformat(asked)) == datetime.fromisoformat(sent)


@given(
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.sampled_from(["America/Sao_Paulo", "Europe/Lisbon", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    st.integers(0, 30 * 365 * 24 * 60).map(lambda minutes: BEGIN + timedelta(minutes=minutes)),
)
def test_every_day_has_one_digest(at: time, zone: str, start: datetime) -> None:
    """One after the other, a day apart save for what the clocks were changed by; none is skipped."""
    made = Digest(at, ZoneInfo(zone))
    moment = start
    for _ in range(5):
        following = made.next_after(moment)
        assert moment < following <= moment + DAY + timedelta(hours=2)
        assert made.next_after(following - timedelta(microseconds=1)) == following
        moment = following


def test_a_week_has_one_digest_and_five_on_weekdays() -> None:
    """Whatever the day."""
    start = datetime(2026, 5, 4, tzinfo=SAO_PAULO)
    for on in WEEKDAYS:
        made = digest("12:00", every="week", on=on)
        first = made.next_after(start)
        assert WEEKDAYS[first.astimezone(SAO_PAULO).weekday()] == on
        assert made.next_after(first) - first == 7 * DAY
    made, moment, days = digest("12:00", every="weekday"), start, []
    for _ in range(5):
        moment = made.next_after(moment)
        days.append(moment.astimezone(SAO_PAULO).weekday())
    assert days == [0, 1, 2, 3, 4]


def test_what_goes_out_together_has_one_key() -> None:
    """Of one rule, one action, one addressee and one moment, wherever the moment is written."""
    at = datetime(2026, 5, 4, 21, tzinfo=UTC)
    made = Gathering(SECRET, ("r", "a", "x"), at)
    assert made.key == Gathering(SECRET, ("r", "a", "x"), at.astimezone(SAO_PAULO)).key
    others = [
        Gathering(b"t" * 32, ("r", "a", "x"), at),
        Gathering(SECRET, ("r", "a", "y"), at),
        Gathering(SECRET, ("r", "ax"), at),
        Gathering(SECRET, ("r", "a", "x"), at + DAY),
    ]
    assert len({made.key, *(each.key for each in others)}) == 5
    assert made.following() is None
