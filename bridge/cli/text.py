"""Text on its way to a terminal: made safe to print, shortened, times in the configured zone.

Names and messages come from strangers; their control characters must not steer the terminal.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, tzinfo

_STEERS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_UNSAFE = re.compile(f"[{_STEERS}]")
_UNSAFE_IN_LINE = re.compile(f"[\t\n{_STEERS}]")


def printable(text: str) -> str:
    """Return the text with control characters, direction marks and lone surrogates spelled out."""
    return _UNSAFE.sub(_spelled, text)


def one_line(text: str, limit: int | None = None) -> str:
    """Return the text safe for one line, cut to `limit` characters with an ellipsis."""
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    return _UNSAFE_IN_LINE.sub(_spelled, text)


def as_json(value: object) -> str:
    """Return a value as indented JSON, times as ISO 8601 in UTC, safe for a terminal too."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=_plain)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def json_line(value: object) -> str:
    """Return a value as JSON on one line, for programs that read as it goes on."""
    text = json.dumps(value, ensure_ascii=False, default=_plain)
    return _UNSAFE_IN_LINE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def so_many(count: int, what: str) -> str:
    """Return `1 delivery` or `2 deliveries`."""
    many = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{count} {what if count == 1 else many}"


def iso(moment: datetime) -> str:
    """Return an aware time as `2026-11-23T18:04:05.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local(moment: datetime | None, zone: tzinfo) -> str:
    """Return an aware time in a zone, with the zone: `2026-11-23 15:04:05 -03`; a dash for none."""
    return "-" if moment is None else f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def short(moment: datetime, zone: tzinfo, now: datetime) -> str:
    """Return an aware time in a zone as `17:16:56` today, `23/11 17:16` this year, else `23/11/2025`."""
    there, today = moment.astimezone(zone), now.astimezone(zone)
    if there.date() == today.date():
        return f"{there:%H:%M:%S}"
    return f"{there:%d/%m %H:%M}" if there.year == today.year else f"{there:%d/%m/%Y}"


def lasting(span: timedelta) -> str:
    """Return a duration in its two largest units: `2d 3h`, `4m 10s`, `0s`."""
    seconds = max(0, round(span.total_seconds()))
    sizes = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    parts = [
        (seconds // size % (limit // size), unit)
        for (unit, size), limit in zip(sizes.items(), _LIMITS, strict=True)
    ]
    first = next((index for index, (count, _) in enumerate(parts) if count), 3)
    return " ".join(f"{count}{unit}" for count, unit in parts[first : first + 2] if count) or "0s"


_LIMITS = (86400 * 10**9, 86400, 3600, 60)


def _spelled(found: re.Match[str]) -> str:
    code = ord(found[0])
    return {9: "\\t", 10: "\\n", 13: "\\r"}.get(code) or (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    )


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)
