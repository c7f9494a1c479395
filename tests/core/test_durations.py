"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.durations import LONGEST, parse_duration

UNITS = {"w": 7 * 86400, "d": 86400, "h": 3600, "min": 60, "m": 60, "s": 1}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("2min", 120),
        ("2m", 120),
        ("48h", 48 * 3600),
        ("7d", 7 * 86400),
        ("1w", 7 * 86400),
        ("1h30min", 5400),
        ("1h 30min", 5400),
        (" 5 s ", 5),
        ("0s", 0),
    ],
)
def test_durations_mean_what_they_say(text: str, seconds: int) -> None:
    """Units may be combined, each once; spaces do not matter."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "5",
        "s",
        "-5s",
        "+5s",
        "1.5h",
        "5 seconds",
        "5S",
        "5s5s",
        "1h1h",
        "1m1min",
        "10:00",
        "٣s",
        "1e3s",
        "9999999s",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    """A number without a unit, a sign, a fraction, a unit twice: all are refused rather than guessed."""
    assert parse_duration(text) is None


def test_a_duration_can_be_added_to_any_date_of_our_time() -> None:
    """Longer than ten years is refused, so that no sum of a date and a duration leaves the calendar."""
    assert parse_duration("520w") is not None
    assert parse_duration("530w") is None
    assert timedelta(days=3650) <= LONGEST <= timedelta(days=3660)


@given(st.integers(0, 5000), st.sampled_from(sorted(UNITS)))
def test_every_unit_scales(amount: int, unit: str) -> None:
    """An amount of a unit is that many times the unit, or too long."""
    expected = timedelta(seconds=amount * UNITS[unit])
    assert parse_duration(f"{amount}{unit}") == (expected if expected <= LONGEST else None)


@given(st.text())
def test_no_text_raises(text: str) -> None:
    """Whatever a person types is a duration or none."""
    assert parse_duration(text) is None or text.strip()
