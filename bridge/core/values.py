"""How values of an event compare with values of a configuration: by value, whatever the JSON type."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Literal

_LENGTH = 64
"""Characters of the longest text that is read as a number or a time."""
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_FIRST_OF_NUMBERS = frozenset("0123456789+-.")
_SHORT = 256
"""Characters up to which a text is normalised whatever it holds."""
_MARKS = 30
"""Combining marks that may follow each other in a longer one; no language needs more (UAX #15, 13)."""
_DATE_LENGTH = len("2026-12-31")
_FIRST_MOMENT = datetime.min.replace(tzinfo=UTC)
_LAST_MOMENT = datetime.max.replace(tzinfo=UTC)
_LAST = time.max.replace(fold=1)  # where clocks go back at midnight, the day's last hour comes twice


def same(found: object, wanted: object) -> bool:
    """Return whether two scalars are equal: text by its NFC form, `3253` and `"3253"` by value.

    Booleans equal only booleans, null only null. Two texts are compared as text, so `"010"` is not `"10"`.
    """
    if isinstance(found, str) and isinstance(wanted, str):
        return found == wanted or nfc(found) == nfc(wanted)
    if isinstance(found, bool) or isinstance(wanted, bool) or found is None or wanted is None:
        return found is wanted
    left, right = number(found), number(wanted)
    return left is not None and left == right


def nfc(text: str) -> str:
    """Return the text composed (Unicode NFC), so that both spellings of an accent are one."""
    return text if text.isascii() else _normal("NFC", text)


def fold(text: str) -> str:
    """Return the text without case, accents and width: `Módulo` and `MODULO` fold to one.

    What the Unicode standard calls a compatibility caseless match (section 3.13, D146), less the accents.
    """
    if text.isascii():
        return text.lower()
    # Decomposed before as well: the compatibility form of ™ is in capitals.
    folded = _normal("NFKD", _normal("NFKD", text).casefold())
    return "".join(char for char in folded if not unicodedata.combining(char))


def key_text(value: object) -> str | None:
    """Return a scalar as the text of a key, alike for values that people take for the same; else None.

    White space around a text does not count, nor how an accent is composed, nor `3251.0` against `3251`.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return nfc(value.strip()) or None
    made = number(value)
    if made is None:
        return str(value) if isinstance(value, datetime) else None
    return format(made.to_integral_value() if made == made.to_integral_value() else made, "f")


def number(value: object) -> Decimal | None:
    """Return a number, or a text that spells one, exactly; None for anything else (booleans too)."""
    if isinstance(value, float):
        value = repr(value)
    if not isinstance(value, str):
        return _of_number(value)
    if not _spells_number(value):
        return None
    try:
        made = Decimal(value)
    except InvalidOperation:
        return None
    return made if made.is_finite() else None


def may_spell_number(text: str) -> bool:
    """Return whether a text begins as numbers do; most do not, and need not be looked at closer."""
    return text[:1] in _FIRST_OF_NUMBERS


def moment(value: object, zone: tzinfo = UTC) -> datetime | None:
    """Return the time of a value as aware UTC, else None: a datetime, or an ISO 8601 date or time as text.

    A time without a zone is UTC, as platforms write it; a date alone is its first moment in `zone`.
    """
    read = _read_time(value)
    if isinstance(read, datetime):
        return _utc(read, UTC)
    return None if read is None else _utc(datetime.combine(read, time.min), zone)


def span(value: object, zone: tzinfo) -> tuple[datetime, datetime] | None:
    """Return the first and the last moment (aware UTC) of a date or time that a person wrote, else None.

    A date alone is the whole day; what has no zone of its own is in `zone`.
    """
    read = _read_time(value)
    if isinstance(read, datetime):
        first = last = _utc(read, zone)
    elif read is None:
        return None
    else:
        first, last = (_utc(datetime.combine(read, end), zone) for end in (time.min, _LAST))
    return first, last


def text_of(value: object) -> str | None:
    """Return what text operators look at: text as it is, a number in digits without `.0`; else None."""
    if isinstance(value, str):
        return nfc(value)
    if number(value) is None:
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _normal(form: Literal["NFC", "NFKD"], text: str) -> str:
    """Normalise, unless a sender's run of combining marks would make that take quadratic time."""
    if len(text) > _SHORT and _has_long_run(text):
        return text
    return unicodedata.normalize(form, text)


def _has_long_run(text: str) -> bool:
    marks = "".join(char for char in set(text) if unicodedata.combining(char))
    return bool(marks) and re.search(f"[{marks}]{{{_MARKS + 1}}}", text) is not None


def _of_number(value: object) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value)
    return value if isinstance(value, Decimal) else None


def _spells_number(text: str) -> bool:
    # Most texts show by their first character that they are none; a regular expression spares the others,
    # such as an id that begins with a digit, an exception of Decimal's.
    return may_spell_number(text) and len(text) <= _LENGTH and _NUMBER.fullmatch(text) is not None


def _read_time(value: object) -> date | datetime | None:
    if isinstance(value, date):  # which a datetime is as well
        return value
    if not isinstance(value, str) or len(value) > _LENGTH or "-" not in value:
        return None
    try:
        return date.fromisoformat(value) if len(value) <= _DATE_LENGTH else datetime.fromisoformat(value)
    except ValueError:
        return None


def _utc(value: datetime, zone: tzinfo) -> datetime:
    try:
        return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:  # 9999-12-31 means for ever, wherever its zone would carry it
        return _FIRST_MOMENT if value.year == 1 else _LAST_MOMENT
