"""Near misses as data: what a condition that failed was close to, from the compiled test and the value.

`core/telling.py` puts them into words. Of everything a value missed, the nearest is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import assert_never

from msgspec import Struct

from bridge.core.conditions import Each, Not, SomeValue, Test
from bridge.core.near_paths import Ends
from bridge.core.near_texts import Alike, Elsewhere, Shares, Slip, near_pattern, near_text
from bridge.core.near_values import Bound, Group, Sort, near_equal, near_null, near_order
from bridge.core.value_tests import Between, Compares, Either, Equals, IsNull, Matches, Text, ValueTest


class Excluded(Struct, frozen=True):
    """One of several values is what `not` forbids."""

    value: object
    values: int


class Scattered(Struct, frozen=True):
    """Each of several tests is passed by some value, but no single value passes them all."""

    values: int


Near = Alike | Slip | Shares | Elsewhere | Sort | Group | Bound | Excluded | Scattered | Ends
"""Everything that a failed condition may have been close to."""

_FAR = 1.0
_MANY = 50
"""Values of one array, and options of one list, that are looked at."""


def near_miss(test: Test, values: list[object]) -> Near | None:
    """Return the nearest thing a failed test missed in the values at its path, or None."""
    return _nearest(_of_test(test, values[:_MANY], len(values)))


def distance(near: Near | None) -> float:
    """Return how far from matching a miss is: 0 would be a match, 1 is anything else."""
    match near:
        case None:
            return _FAR
        case Slip(differs=differs, of=of):
            return 0.1 + 0.7 * differs / max(of, differs)
        case Shares(shared=shared, of=of):
            return 0.95 - 0.5 * shared / of
        case Sort(spelled_alike=alike):
            return 0.1 if alike else 0.9
        case Bound():
            return 0.1 + 0.8 * _share(near)
        case Ends(meant=meant, fits=fits):
            return 0.1 if fits else 0.8 if meant else _FAR
        case Alike() | Elsewhere() | Group() | Excluded() | Scattered():
            return _DISTANCES[type(near)]
        case _:
            assert_never(near)


def _share(bound: Bound) -> float:
    """Return how far a value is beyond its bound, between 0 and 1: a day, or the bound's size, is half."""
    if isinstance(bound.by, timedelta):
        return bound.by / (bound.by + timedelta(days=1))
    whole = bound.by + max(abs(bound.operand), Decimal(1)) if isinstance(bound.operand, Decimal) else bound.by
    return float(bound.by / whole) if whole else 0.0


def _nearest(found: Iterator[Near]) -> Near | None:
    return min(found, key=distance, default=None)


def _of_test(test: Test, values: list[object], total: int) -> Iterator[Near]:
    match test:
        case SomeValue(tests=tests):
            yield from _of_values(tests, values, total)
        case Not(test=inner) if total > 1:
            yield from (Excluded(value, total) for value in values if inner.holds([value]))
        case Each(tests=inners):
            for inner in inners:
                if not inner.holds(values):
                    yield from _of_test(inner, values, total)
        case _:  # whether a path leads somewhere is plain to see
            return


def _of_values(tests: tuple[ValueTest, ...], values: list[object], total: int) -> Iterator[Near]:
    """Yield what the values nearly met: of each, only when it failed a single test or is the only one."""
    if total > 1 and len(tests) > 1 and all(any(test.holds(value) for value in values) for test in tests):
        yield Scattered(total)
        return
    for value in values:
        failed = [test for test in tests if not test.holds(value)]
        if len(failed) == 1 or total == 1:
            for test in failed:
                yield from _of_value(test, value)


def _of_value(test: ValueTest, value: object) -> Iterator[Near]:
    match test:
        case Equals(options=options):
            for option in options[:_MANY]:
                yield from near_equal(option, value)
        case Text():
            yield from near_text(test, value)
        case Matches():
            yield from near_pattern(test, value)
        case Compares():
            yield from near_order(test, value)
        case Between(low=low, high=high):
            yield from near_order(high if low.holds(value) else low, value)
        case IsNull(expected=True):
            yield from near_null(value)
        case Either(tests=tests):
            for each in tests[:_MANY]:
                yield from _of_value(each, value)
        case _:
            return


def plain(near: Near) -> dict[str, object]:
    """Return a near miss as plain values with its kind, for JSON."""
    fields = {name: _plain(getattr(near, name)) for name in near.__struct_fields__}
    return {"kind": _KINDS[type(near)], **fields}


def _plain(value: object) -> object:
    match value:
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case tuple():
            return list(value)
        case datetime():
            return value.isoformat()
        case _:
            return value


_DISTANCES: Mapping[type[Near], float] = {
    Alike: 0.05,
    Elsewhere: 0.3,
    Group: 0.5,
    Excluded: 0.6,
    Scattered: 0.6,
}
_KINDS: Mapping[type[Near], str] = {
    Alike: "alike",
    Slip: "slip",
    Shares: "shares",
    Elsewhere: "elsewhere",
    Sort: "type",
    Group: "group",
    Bound: "bound",
    Excluded: "excluded",
    Scattered: "scattered",
    Ends: "path",
}
