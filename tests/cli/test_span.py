"""Points in time as people type them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import typer

from bridge.cli.span import parse_moment

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
ZONE = ZoneInfo("America/Sao_Paulo")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2h", "2026-11-23T16:00:00+00:00"),
        ("90m", "2026-11-23T16:30:00+00:00"),
        ("30s", "2026-11-23T17:59:30+00:00"),
        ("7d", "2026-11-16T18:00:00+00:00"),
        ("1w", "2026-11-16T18:00:00+00:00"),
        ("2026-11-23", "2026-11-23T03:00:00+00:00"),
        ("2026-11-23T18:00", "2026-11-23T21:00:00+00:00"),
        ("2026-11-23 18:00:01", "2026-11-23T21:00:01+00:00"),
        ("2026-11-23T18:00Z", "2026-11-23T18:00:00+00:00"),
        ("2026-11-23T18:00+02:00", "2026-11-23T16:00:00+00:00"),
    ],
)
def test_moments(text: str, meant: str) -> None:
    """A span is that long ago; a date without a zone is in the configured one."""
    assert parse_moment(text).resolve(NOW, ZONE).isoformat() == meant


@pytest.mark.parametrize("text", ["", "3x", "-2h", "2 h", "yesterday", "2026-13-01", "99999999d", "h"])
def test_anything_else_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="2h, 7d, or a date such as 2026-11-23"):
        parse_moment(text)


def test_the_longest_span_is_within_the_calendar() -> None:
    """No span that is accepted can lead before the year 1."""
    assert parse_moment("99999w").resolve(NOW, ZONE).year > 1
