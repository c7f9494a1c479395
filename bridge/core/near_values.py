"""How near a value came to a number, a time, or a value of another type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from msgspec import Struct

from bridge.core.near_texts import TextNear, near_whole
from bridge.core.value_tests import Compares, written
from bridge.core.values import moment, nfc, number

_MAGNITUDE = 30
"""Decimal places before or behind the point up to which a number's distance is told."""


class Sort(Struct, frozen=True):
    """The value is of another type than what was wanted; `spelled_alike` when it only looks the same."""

    wanted: str
    found: str
    spelled_alike: bool = False


class Group(Struct, frozen=True):
    """The path leads to an object, which equals nothing; `names` are its members."""

    names: tuple[str, ...]


class Bound(Struct, frozen=True):
    """A number or time is `by` too low or too high; by nothing, when it is the bound that is excluded."""

    side: Literal["low", "high"]
    by: Decimal | timedelta
    operand: Decimal | datetime


def near_equal(option: object, value: object) -> Iterator[Sort | Group | TextNear]:
    """Yield how near a value came to one that should be equal."""
    if isinstance(value, Mapping):
        yield Group(tuple(map(str, value)))
    elif option is None:
        yield from near_null(value)
    elif isinstance(option, bool) or isinstance(value, bool):
        yield from _near_spelling(option, value)
    elif isinstance(value, str):
        yield from _near_text(option, value)


def near_order(test: Compares, value: object) -> Iterator[Sort | Bound]:
    """Yield by how much a value is beyond a bound, or that it is neither number nor time."""
    found: Any = number(value) if test.zone is None else moment(value, test.zone)
    if found is None:
        yield Sort("a number" if test.zone is None else "a date", sort_of(value))
        return
    operand: Any = test.operand
    if not (_is_plain(found) and _is_plain(operand)):
        return
    side: Literal["low", "high"] = "high" if test.operator in ("lt", "lte") else "low"
    yield Bound(side, abs(found - operand), test.operand)


def near_null(value: object) -> Iterator[Sort]:
    """Yield that an empty text, or the word, is not null."""
    if value == "" or (isinstance(value, str) and value.strip().lower() in ("null", "none")):
        yield Sort("null", sort_of(value), spelled_alike=True)


def sort_of(value: object) -> str:
    """Return what a value is, as a person would say it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case "":
            return "an empty text"
        case str():
            return "a text"
        case int() | float() | Decimal():
            return "a number"
        case datetime():
            return "a time"
        case Mapping():
            return "an object"
        case _:
            return "a list"


def _is_plain(value: Decimal | datetime) -> bool:
    """Return whether a distance to it can be computed, and told in digits that a person reads.

    An event may hold "1e999999999", whose distance to 5 overflows and whose digits fill the memory.
    """
    return isinstance(value, datetime) or abs(value.adjusted()) <= _MAGNITUDE


def _near_spelling(option: object, value: object) -> Iterator[Sort]:
    if (value is not None and written(option).strip().lower() == written(value).strip().lower()) or (
        str(option) in ("0", "1") and isinstance(value, bool) and str(int(value)) == str(option)
    ):
        yield Sort(sort_of(option), sort_of(value), spelled_alike=True)


def _near_text(option: object, value: str) -> Iterator[Sort | TextNear]:
    """Yield how near two texts are, of which the wanted one may have been written as a number."""
    wanted = written(option)
    if number(option) is not None and number(option) == number(value.strip()):
        how = Sort("a number" if not isinstance(option, str) else "a text", "a text", spelled_alike=True)
        yield from [how] if wanted != value.strip() else near_whole(wanted, value)
    else:
        yield from near_whole(nfc(wanted), nfc(value))
