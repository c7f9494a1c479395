"""Points in a story's time as people type them: `2026-05-04 09:00`, or `+3d` after the story's beginning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated

from msgspec import Struct
from pydantic import PlainValidator, WithJsonSchema

from bridge.core.durations import parse_duration
from bridge.core.problems import describe

EXPECTED = "expected a date and time such as 2026-05-04 09:00, or a time after the beginning such as +3d"


class Moment(Struct, frozen=True):
    """What was typed: a time from the story's beginning, or a date and time.

    A date and time without a zone is in the configured one.
    """

    after: timedelta | None = None
    at: datetime | None = None

    def resolve(self, begins: datetime, zone: tzinfo) -> datetime:
        """Return the aware UTC time that is meant, in a story that begins then."""
        if self.after is not None:
            return begins + self.after
        at = self.at or begins
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _moment(value: object) -> Moment:
    text = value.strip() if isinstance(value, str) else ""
    if text[:1] in ("+", "-"):
        after = parse_duration(text[1:])
        if after is not None:
            return Moment(after=after if text[0] == "+" else -after)
    try:
        return Moment(at=datetime.fromisoformat(text))
    except ValueError:
        raise ValueError(f"{EXPECTED}, not {describe(value)}") from None


def _point(value: object) -> Moment:
    found = _moment(value)
    if found.at is None:
        raise ValueError(f"expected a date and time such as 2026-05-04 09:00, not {describe(value)}")
    return found


When = Annotated[
    Moment,
    PlainValidator(_moment),
    WithJsonSchema({"type": "string", "examples": ["2026-05-04 09:00", "+3d", "-1h30min"]}),
]
"""A moment of a story."""
Point = Annotated[
    Moment, PlainValidator(_point), WithJsonSchema({"type": "string", "examples": ["2026-05-04 09:00"]})
]
"""A date and time, from which the others count."""
