"""Times as they are typed in stories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter, ValidationError

from bridge.cli.stories.moments import Point, When
from tests.support.clock import START

ZONE = ZoneInfo("America/Sao_Paulo")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("+0s", START),
        ("+3d", START + timedelta(days=3)),
        ("-1h30min", START - timedelta(minutes=90)),
        ("2026-05-04 09:00", datetime(2026, 5, 4, 12, tzinfo=UTC)),
        ("2026-05-04T09:00:10", datetime(2026, 5, 4, 12, 0, 10, tzinfo=UTC)),
        ("2026-05-04", datetime(2026, 5, 4, 3, tzinfo=UTC)),
        ("2026-05-04T09:00:00Z", datetime(2026, 5, 4, 9, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_people_write_it(typed: str, meant: datetime) -> None:
    """From the beginning, or in the zone of the configuration, or in one of its own."""
    assert TypeAdapter(When).validate_python(typed).resolve(START, ZONE) == meant


@pytest.mark.parametrize("typed", ["", "+", "3d", "+3x", "tomorrow", "2026-13-01", 3, None])
def test_what_is_no_time_is_refused_with_an_example(typed: object) -> None:
    with pytest.raises(ValidationError, match=r"such as 2026-05-04 09:00"):
        TypeAdapter(When).validate_python(typed)


def test_a_beginning_is_a_date() -> None:
    """There is nothing that it could be relative to."""
    with pytest.raises(ValidationError, match="expected a date and time"):
        TypeAdapter(Point).validate_python("+3d")
