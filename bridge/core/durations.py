"""Durations as people write them: `90s`, `30min`, `48h`, `7d`, `1h30min`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "min": "minutes", "m": "minutes", "s": "seconds"}
_PART = re.compile(r"([0-9]{1,6})\s*(w|d|h|min|m|s)")
_WHOLE = re.compile(rf"\s*(?:{_PART.pattern}\s*)+")
EXPECTED = "a duration such as 90s, 30min, 48h or 7d"
LONGEST = timedelta(days=3653)
"""Ten years; a longer one is a mistake, and could not be added to every date."""
SKEW = timedelta(minutes=1)
"""How far the clocks of two nodes may differ; a stored time that differs by more was set by a wrong one."""


def parse_duration(text: str) -> timedelta | None:
    """Return the duration, or None for a text that is none; `EXPECTED` says what was expected."""
    if not _WHOLE.fullmatch(text):
        return None
    parts = [(_UNITS[unit], int(amount)) for amount, unit in _PART.findall(text)]
    if len({unit for unit, _ in parts}) != len(parts):
        return None
    duration = timedelta(**dict(parts))
    return duration if duration <= LONGEST else None


def lasting(span: timedelta) -> str:
    """Return a duration in its two largest units: `3 minutes`, `1 day 2 hours`."""
    seconds = round(span.total_seconds())
    parts: list[str] = []
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
        elif parts:
            break
    return " ".join(parts[:2]) or "less than a second"
