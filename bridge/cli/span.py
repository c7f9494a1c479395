"""Points in time as people type them: `2h` ago, a date, a date and time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

import typer
from msgspec import Struct

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"(\d{1,5})([smhdw])")
EXPECTED = "expected a time ago such as 90m, 2h, 7d, or a date such as 2026-11-23 or 2026-11-23T18:00"


class Moment(Struct, frozen=True):
    """What was typed: a time ago, or a date and time (without a zone: in the configured one)."""

    text: str
    ago: timedelta | None = None
    at: datetime | None = None

    def resolve(self, now: datetime, zone: tzinfo) -> datetime:
        """Return the aware UTC time that is meant."""
        if self.ago is not None:
            return now - self.ago
        at = self.at or now
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def parse_moment(text: str) -> Moment:
    """Read a point in time; raises `typer.BadParameter` with what was expected."""
    span = _SPAN.fullmatch(text.strip())
    try:
        if span is not None:
            return Moment(text, ago=timedelta(**{_UNITS[span[2]]: int(span[1])}))
        return Moment(text, at=datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"'{text}' is no point in time; {EXPECTED}") from None
