"""Conditions that can never hold: found when they are loaded, because a rule that never runs tells nobody.

Every answer is certain: what cannot be decided without an event is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bridge.core.conditions import AllOf, AnyOf, At, Condition, Each, Exists, Not, SomeValue, Test
from bridge.core.events import Facts
from bridge.core.paths import FactPath
from bridge.core.value_tests import Between, Compares, Either, Equals, IsNull, Matches, Text, ValueTest
from bridge.core.values import number, same

Pair = tuple[str, str]


def contradictions(condition: Condition, is_single: Callable[[FactPath], bool]) -> Iterator[str]:
    """Yield why a condition, or an alternative in it, can never hold.

    `is_single` says of which paths it is known that they lead to one value at most: of an array, one
    element may meet one line and another the next.
    """
    lines = list(_lines(condition))
    grouped: dict[str, list[At]] = {}
    for line in lines:
        grouped.setdefault(line.path.text, []).append(line)
    found = [why for group in grouped.values() for why in _conflict(group, single=is_single(group[0].path))]
    yield from found
    if not found:
        for alternatives in _alternatives(condition):
            for part in alternatives.parts:
                yield from contradictions(AllOf((*lines, part)), is_single)


def verdict(condition: Condition, facts: Facts) -> bool | None:
    """Return whether a condition holds as far as these facts decide; names they lack are unknown."""
    match condition:
        case AllOf(parts=parts):
            return _every(verdict(part, facts) for part in parts)
        case AnyOf(parts=parts):
            return _some(verdict(part, facts) for part in parts)
        case At(path=path):
            return condition.matches(facts) if path.steps[0] in facts else None
        case _:
            return None


def _lines(condition: Condition) -> Iterator[At]:
    match condition:
        case At():
            yield condition
        case AllOf(parts=parts):
            for part in parts:
                yield from _lines(part)


def _alternatives(condition: Condition) -> Iterator[AnyOf]:
    match condition:
        case AnyOf():
            yield condition
        case AllOf(parts=parts):
            for part in parts:
                yield from _alternatives(part)


def _conflict(group: Sequence[At], *, single: bool) -> Iterator[str]:
    """Yield why the lines on one path exclude each other, if they do."""
    tests = [test for line in group for test in _parts(line.test)]
    pair = _presence(tests)
    for together in () if pair else _together(tests, single=single):
        pair = pair or _bounds(together) or _values(together)
    if pair:
        yield f"'{group[0].path.text}' cannot be {pair[0]} and {pair[1]} at once"


def _parts(test: Test) -> Iterator[Test]:
    match test:
        case Each(tests=tests, needed="all"):
            for each in tests:
                yield from _parts(each)
        case _:
            yield test


def _together(tests: Sequence[Test], *, single: bool) -> Iterator[list[Test]]:
    """Yield the tests that one and the same value has to pass."""
    if single:
        yield [each for test in tests for each in _split(test)]
        return
    denials = [test for test in tests if isinstance(test, Not) and isinstance(test.test, SomeValue)]
    for test in tests:
        if isinstance(test, SomeValue):
            yield [*_split(test), *denials]


def _split(test: Test) -> Iterator[Test]:
    match test:
        case SomeValue(tests=value_tests):
            yield from (SomeValue((each,)) for each in value_tests)
        case _:
            yield test


def _presence(tests: Sequence[Test]) -> Pair | None:
    absent = [test for test in tests if isinstance(test, Exists) and not test.expected]
    present = [test for test in tests if not test.holds(None)]
    return (absent[0].wanted, present[0].wanted) if absent and present else None


def _bounds(tests: Sequence[Test]) -> Pair | None:
    """Find two bounds that have nothing between them."""
    comparisons = [each for test in tests for each in _comparisons(test)]
    for low in comparisons:
        for high in comparisons:
            if _excludes(low, high):
                return (low.wanted, high.wanted)
    return None


def _comparisons(test: Test) -> Iterator[Compares]:
    match test:
        case SomeValue(tests=(Compares() as compares,)):
            yield compares
        case SomeValue(tests=(Between(low=low, high=high),)):
            yield from (low, high)


def _excludes(low: Compares, high: Compares) -> bool:
    if low.operator[0] != "g" or high.operator[0] != "l" or (low.zone is None) is not (high.zone is None):
        return False
    least: Any = low.operand
    both_included = low.operator == "gte" and high.operator == "lte"
    return bool(least > high.operand) or (least == high.operand and not both_included)


def _values(tests: Sequence[Test]) -> Pair | None:
    """Find a test that passes none of the values which another test allows."""
    for test in tests:
        options = _options(test)
        for other in tests if options else ():
            if all(_holds(other, option) is False for option in options):
                return (test.wanted, other.wanted)
    return None


def _options(test: Test) -> tuple[object, ...]:
    """Return the only values that pass a test, if it names them."""
    match test:
        case SomeValue(tests=(Equals(options=options),)):
            return options
        case SomeValue(tests=(IsNull(expected=True),)):
            return (None,)
        case _:
            return ()


def _holds(test: Test, option: object) -> bool | None:
    """Return whether a test holds for every value that equals the option (True), for none (False)."""
    match test:
        case SomeValue(tests=value_tests):
            return _every(_passes(each, option) for each in value_tests)
        case Each(tests=tests, needed=needed):
            join = _every if needed == "all" else _some
            return join(_holds(each, option) for each in tests)
        case Not(test=inner):
            holds = _holds(inner, option)
            return None if holds is None else not holds
        case Exists(expected=expected):
            return expected
        case _:
            return None


def _passes(test: ValueTest, option: object) -> bool | None:
    """Return the same for the test of a value; what equals a number may be spelled in many ways."""
    match test:
        case Either(tests=tests):
            return _some(_passes(each, option) for each in tests)
        case Equals(options=others):
            return _some(_equal(other, option) for other in others)
        case Text() | Matches() if number(option) is not None:
            return None
        case _:
            return test.holds(option)


def _equal(wanted: object, option: object) -> bool | None:
    if number(option) is None or number(option) != number(wanted):
        return same(option, wanted)
    return True if not isinstance(wanted, str) or option == wanted else None


def _every(verdicts: Iterable[bool | None]) -> bool | None:
    known = list(verdicts)
    return False if False in known else None if None in known else True


def _some(verdicts: Iterable[bool | None]) -> bool | None:
    known = list(verdicts)
    return True if True in known else None if None in known else False
