"""Rates: what may go now, and when the next one."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.durations import SKEW
from bridge.core.rates import Rate, allowed, parse_rate, taken
from tests.support.clock import START

RATES = st.builds(
    Rate,
    st.integers(1, 5_000),
    st.sampled_from([timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)]),
)
STEPS = st.lists(
    st.tuples(st.timedeltas(timedelta(0), timedelta(minutes=5)), st.integers(1, 50)), min_size=1, max_size=60
)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("1/s", Rate(1, timedelta(seconds=1))),
        ("30/min", Rate(30, timedelta(minutes=1))),
        (" 500 / h ", Rate(500, timedelta(hours=1))),
        ("1000/d", Rate(1000, timedelta(days=1))),
        ("0/s", None),
        ("30", None),
        ("30/minute", None),
        ("-1/s", None),
        ("1.5/s", None),
        ("1000000/s", None),
        ("٣/s", None),
    ],
)
def test_rates_are_written_as_people_write_them(text: str, rate: Rate | None) -> None:
    """What is no rate is none, and not half of one."""
    assert parse_rate(text) == rate


@given(RATES)
def test_a_rate_is_shown_as_it_is_written(rate: Rate) -> None:
    """What is shown can be typed."""
    assert parse_rate(str(rate)) == rate


@given(RATES, STEPS)
def test_no_window_has_more_than_the_burst_and_what_its_length_brings(
    rate: Rate, steps: list[tuple[timedelta, int]]
) -> None:
    """Between any two moments there go at most the burst and the rate's share of the time between them."""
    now, arrival = START, None
    sent: list[tuple[datetime, int]] = []
    for wait, wish in steps:
        now += wait
        count = allowed(rate, arrival, now, wish).count
        if count:
            arrival = taken(rate, arrival, now, count)
            sent.append((now, count))
    for first, (begin, _) in enumerate(sent):
        total = 0
        for end, count in sent[first:]:
            total += count
            assert total <= rate.burst + (end - begin) // rate.apart


@given(RATES, st.integers(1, 200))
def test_whoever_waits_as_told_may_send(rate: Rate, wish: int) -> None:
    """`until` is neither too early nor later than needed."""
    arrival = taken(rate, None, START, rate.burst)
    refused = allowed(rate, arrival, START, wish)
    assert refused.count == 0
    assert refused.until is not None
    assert allowed(rate, arrival, refused.until, wish).count >= 1
    assert allowed(rate, arrival, refused.until - timedelta(microseconds=1), wish).count == 0


@given(RATES, st.integers(1, 20))
def test_what_was_not_sent_is_given_back(rate: Rate, count: int) -> None:
    """A message that expired in the queue takes no place of another."""
    arrival = taken(rate, START, START, count)
    assert taken(rate, arrival, START, -count) == START


def test_an_idle_channel_saves_nothing_up() -> None:
    """After an hour without messages a rate of one a second still lets one through at a time."""
    rate = Rate(1, timedelta(seconds=1))
    arrival = taken(rate, None, START, 1)
    later = START + timedelta(hours=1)
    assert allowed(rate, arrival, later, 10).count == 1
    assert allowed(rate, taken(rate, arrival, later, 1), later, 10).until == later + timedelta(seconds=1)


@given(RATES, st.timedeltas(timedelta(0), timedelta(days=400)), st.integers(1, 20))
def test_a_clock_that_was_set_back_stops_nothing(rate: Rate, back: timedelta, wish: int) -> None:
    """Nor does the state that a slower rate left: whoever waits as told, a minute more at most, may send."""
    arrival = taken(rate, None, START + back, rate.burst)
    found = allowed(rate, arrival, START, wish)
    if not found.count:
        assert found.until is not None
        assert found.until <= START + rate.apart + SKEW
        assert allowed(rate, arrival, found.until, wish).count >= 1
    assert taken(rate, arrival, START, 1) <= START + (rate.burst + 1) * rate.apart + SKEW


@given(RATES, st.timedeltas(timedelta(0), SKEW))
def test_two_nodes_whose_clocks_differ_send_no_more_together(rate: Rate, differ: timedelta) -> None:
    """The one that is behind waits for what the other one has sent."""
    arrival = taken(rate, None, START + differ, rate.burst)
    assert allowed(rate, arrival, START, 10).count == 0
