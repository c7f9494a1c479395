"""How values of an event compare with values of a configuration: by value, whatever the JSON type."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

Comparable = Decimal | datetime
_NUMBER_LENGTH = 64


def same(found: object, wanted: object) -> bool:
    """Return whether two scalars are equal: text by its NFC form, `3253` and `"3253"` by value.

    Booleans equal only booleans, null only null. Two texts are compared as text, so `"010"` is not `"10"`.
    """
    if isinstance(found, bool) or isinstance(wanted, bool) or found is None or wanted is None:
        return found is wanted
    if isinstance(found, str) and isinstance(wanted, str):
        return nfc(found) == nfc(wanted)
    left, right = number(found), number(wanted)
    return left is not None and left == right


def nfc(text: str) -> str:
    """Return the text composed (Unicode NFC), so that both spellings of an accent are one."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """Return the text without case and accents: `Módulo` and `MODULO` fold to one."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def number(value: object) -> Decimal | None:
    """Return a number, or a text that spells one, exactly; None for anything else (booleans too)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        value = repr(value)
    if not isinstance(value, str) or not _spells_number(value):
        return None
    try:
        made = Decimal(value)
    except InvalidOperation:
        return None
    return made if made.is_finite() else None


def moment(value: object) -> datetime | None:
    """Return a datetime, or an ISO 8601 date or time as text, as aware UTC (no zone means UTC); else None."""
    if isinstance(value, datetime):
        return _aware(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(value, str) or len(value) > _NUMBER_LENGTH or "-" not in value:
        return None
    try:
        return _aware(datetime.fromisoformat(value))
    except (ValueError, OverflowError):
        return None


def text_of(value: object) -> str | None:
    """Return what text operators look at: text as it is, whole and decimal numbers as written; else None."""
    if isinstance(value, str):
        return nfc(value)
    made = number(value)
    return None if made is None else str(value)


def _spells_number(text: str) -> bool:
    return (
        0 < len(text) <= _NUMBER_LENGTH
        and text.isascii()
        and (text[0].isdigit() or text[0] in "+-.")
        and "_" not in text
        and text == text.strip()
    )


def _aware(value: datetime) -> datetime | None:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        return None
