"""Text for terminals: safe whatever strangers write, times with their zone, JSON that is JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cli.text import as_json, iso, lasting, local, one_line, printable

MOMENT = datetime(2026, 11, 23, 18, 4, 5, 123456, tzinfo=UTC)


@given(st.text(st.characters(categories=None)))
def test_nothing_steers_the_terminal(text: str) -> None:
    """No escape sequence, direction mark or lone surrogate survives, and one line stays one line."""
    for safe in (printable(text), one_line(text), as_json(text)):
        safe.encode()
        assert not any(ord(char) < 32 and char not in "\n\t" for char in safe)
        assert not set(safe) & set("\x7f\x9b\u202e\u2066\u2028")
    assert len(one_line(text).splitlines()) <= 1


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_json_means_what_it_was(value: object) -> None:
    """What is made safe for a terminal reads back as the same value."""
    assert json.loads(as_json(value)) == value


def test_json_has_times_in_utc() -> None:
    """Times and durations have one form in JSON."""
    assert json.loads(as_json({"at": MOMENT, "for": timedelta(seconds=90), "raw": b"x\xff"})) == {
        "at": "2026-11-23T18:04:05.123Z",
        "for": 90.0,
        "raw": "x\ufffd",
    }
    assert iso(MOMENT.astimezone(ZoneInfo("America/Sao_Paulo"))) == "2026-11-23T18:04:05.123Z"


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("America/Sao_Paulo", "2026-11-23 15:04:05 -03"),
        ("UTC", "2026-11-23 18:04:05 UTC"),
        ("Europe/Lisbon", "2026-11-23 18:04:05 WET"),
    ],
)
def test_times_are_shown_with_their_zone(zone: str, shown: str) -> None:
    """People see the configured zone, and which one it is."""
    assert local(MOMENT, ZoneInfo(zone)) == shown


def test_no_time_is_a_dash() -> None:
    assert local(None, UTC) == "-"


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        (timedelta(0), "0s"),
        (timedelta(seconds=59), "59s"),
        (timedelta(minutes=4, seconds=10), "4m 10s"),
        (timedelta(hours=48), "2d"),
        (timedelta(days=2, hours=3, minutes=59), "2d 3h"),
        (timedelta(days=400), "400d"),
        (timedelta(seconds=-5), "0s"),
    ],
)
def test_durations_have_two_units(span: timedelta, shown: str) -> None:
    assert lasting(span) == shown


def test_long_lines_are_cut() -> None:
    assert one_line("a" * 50, 10) == "a" * 9 + "…"
    assert one_line("a\nb\tc\r") == "a\\nb\\tc\\r"
