"""`when:` compiled once into a tree that says whether an event matches; `core/findings.py` says why.

`core/operators.py` makes the tests of single values; this module gives paths, arrays, absence and
combinations their meaning. A path that does not exist matches nothing but `exists: false`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Literal, Protocol

from msgspec import Struct

from bridge.core.events import TIMES, Facts
from bridge.core.operators import OPERATORS, Reading, compile_scalars, is_scalar
from bridge.core.paths import FactPath, parse_path
from bridge.core.problems import Path, Problem, describe, did_you_mean
from bridge.core.value_tests import Between, Compares, IsNull, ValueTest


class Condition(Protocol):
    """A compiled `when:`, or a part of it."""

    def matches(self, facts: Facts) -> bool:
        """Return whether it holds."""
        ...


class Test(Protocol):
    """A test of everything a path leads to; `values` is None when it leads nowhere."""

    @property
    def wanted(self) -> str:
        """What it asks for, in plain words."""
        ...

    def holds(self, values: list[object] | None) -> bool:
        """Return whether it holds."""
        ...


class AllOf(Struct, frozen=True):
    """Every part holds."""

    parts: tuple[Condition, ...]

    def matches(self, facts: Facts) -> bool:
        """Return whether every part holds; no parts hold always."""
        for part in self.parts:  # noqa: SIM110  # a generator would double the cost of the commonest rule
            if not part.matches(facts):
                return False
        return True


class AnyOf(Struct, frozen=True):
    """At least one part holds."""

    parts: tuple[Condition, ...]

    def matches(self, facts: Facts) -> bool:
        """Return whether some part holds."""
        return any(part.matches(facts) for part in self.parts)


class At(Struct, frozen=True):
    """A test at a path."""

    path: FactPath
    test: Test

    def matches(self, facts: Facts) -> bool:
        """Return whether the values at the path pass."""
        return self.test.holds(self.path.values(facts))


class SomeValue(Struct, frozen=True):
    """One value passes every test (the same value, when an array offers several)."""

    tests: tuple[ValueTest, ...]

    @property
    def wanted(self) -> str:
        """The tests joined by `and`."""
        return " and ".join(test.wanted for test in self.tests)

    def holds(self, values: list[object] | None) -> bool:
        """Return whether some value passes."""
        for value in values or ():  # as in AllOf
            for test in self.tests:
                if not test.holds(value):
                    break
            else:
                return True
        return False


class Exists(Struct, frozen=True):
    """The path leads somewhere, or nowhere; null and an empty array are somewhere."""

    expected: bool

    @property
    def wanted(self) -> str:
        """`present` or `absent`."""
        return "present" if self.expected else "absent"

    def holds(self, values: list[object] | None) -> bool:
        """Return whether presence is as expected."""
        return (values is not None) is self.expected


class Not(Struct, frozen=True):
    """The path leads somewhere and no value there passes the inner test."""

    test: Test

    @property
    def wanted(self) -> str:
        """`not` and the inner test."""
        return f"not {_bracketed(self.test)}"

    def holds(self, values: list[object] | None) -> bool:
        """Return whether the path is present and the inner test fails."""
        return values is not None and not self.test.holds(values)


class Each(Struct, frozen=True):
    """Several tests of one path combined: all of them, or any of them."""

    tests: tuple[Test, ...]
    needed: Literal["any", "all"]

    @property
    def wanted(self) -> str:
        """The tests joined by `and` or `or`."""
        word = " and " if self.needed == "all" else " or "
        return word.join(test.wanted if isinstance(test, Not) else _bracketed(test) for test in self.tests)

    def holds(self, values: list[object] | None) -> bool:
        """Return whether the needed share of tests holds."""
        results = (test.holds(values) for test in self.tests)
        return all(results) if self.needed == "all" else any(results)


def _bracketed(test: Test) -> str:
    """Return a test's words, in brackets where they are joined; a value with such a word has them too."""
    words = test.wanted
    return f"({words})" if " and " in words or " or " in words else words


NOTHING = AllOf(())
"""The condition of a rule without `when:`: it always holds."""

_COMBINING = ("not", "exists", "any", "all")
_WORDS = (*OPERATORS, *_COMBINING)


def compile_when(when: object, path: Path, zone: tzinfo = UTC) -> tuple[Condition, list[Problem]]:
    """Compile the value of `when:`, as read from YAML; dates in it that name no zone are in `zone`.

    Returns a condition that is complete when there are no problems. Each problem carries its path
    below `path` and says what was expected.
    """
    reading = Reading(zone)
    return _conditions(when, path, reading), reading.problems


def _conditions(when: object, path: Path, reading: Reading) -> Condition:
    if not isinstance(when, Mapping):
        reading.refuse(path, f"expected paths with what they must be, not {describe(when)}")
        return NOTHING
    parts = [_line(str(key), wanted, (*path, str(key)), reading) for key, wanted in when.items()]
    return AllOf(tuple(part for part in parts if part is not None))


def _line(key: str, wanted: object, path: Path, reading: Reading) -> Condition | None:
    if key in ("any", "all"):
        return _alternatives(key, wanted, path, reading)
    where = parse_path(key)
    if isinstance(where, str):
        hint = f"; '{key}' is an operator and stands below a path" if key in _WORDS else ""
        reading.refuse(path, where + hint)
        return None
    test = _test(wanted, path, reading)
    if test is not None and where.steps[0] in TIMES and not _is_about_time(test):
        advice = "compare it with lt, lte, gt, gte or between, such as {gte: 2026-12-31}"
        reading.refuse(path, f"'{key}' is a time; {advice}")
    return None if test is None else At(where, test)


def _alternatives(key: str, wanted: object, path: Path, reading: Reading) -> Condition | None:
    if not isinstance(wanted, list) or not wanted:
        reading.refuse(path, f"expected a list of conditions, not {describe(wanted)}")
        return None
    for index, item in enumerate(wanted):
        if item == {}:
            reading.refuse((*path, index), "an empty mapping always holds; write a condition or leave it out")
    parts = tuple(_conditions(item, (*path, index), reading) for index, item in enumerate(wanted))
    return AnyOf(parts) if key == "any" else AllOf(parts)


def _test(wanted: object, path: Path, reading: Reading) -> Test | None:
    if is_scalar(wanted) or isinstance(wanted, list):
        equals = compile_scalars(wanted, path, reading)
        return None if equals is None else SomeValue((equals,))
    if not isinstance(wanted, Mapping) or not wanted:
        expected = "expected a value, a list of values or operators"
        reading.refuse(path, f"{expected}, not {describe(wanted)}")
        return None
    values: list[ValueTest] = []
    tests: list[Test] = []
    for key, operand in wanted.items():
        _operator(str(key), operand, (*path, str(key)), reading, values, tests)
    if values:
        tests.insert(0, SomeValue(tuple(values)))
    return _each(tests, "all")


def _operator(
    key: str, operand: object, path: Path, reading: Reading, values: list[ValueTest], tests: list[Test]
) -> None:
    if key in _COMBINING:
        test = _combination(key, operand, path, reading)
        if test is not None:
            tests.append(test)
        return
    make = OPERATORS.get(key)
    if make is None:
        hint = did_you_mean(key, _WORDS) or "; known are " + ", ".join(_WORDS)
        reading.refuse(path, f"unknown operator '{key}'{hint}")
        return
    value_test = make(operand, path, reading)
    if value_test is not None:
        values.append(value_test)


def _combination(key: str, operand: object, path: Path, reading: Reading) -> Test | None:
    if key == "exists":
        if isinstance(operand, bool):
            return Exists(operand)
        reading.refuse(path, f"expected true or false, not {describe(operand)}")
        return None
    if key == "not":
        inner = _test(operand, path, reading)
        if isinstance(inner, Exists):
            return Exists(not inner.expected)
        return None if inner is None else Not(inner)
    if not isinstance(operand, list) or not operand:
        reading.refuse(path, f"expected a list of tests, not {describe(operand)}")
        return None
    inners = [_test(item, (*path, index), reading) for index, item in enumerate(operand)]
    return _each([inner for inner in inners if inner is not None], "any" if key == "any" else "all")


def _each(tests: list[Test], needed: Literal["any", "all"]) -> Test | None:
    if len(tests) == 1:
        return tests[0]
    return Each(tuple(tests), needed) if tests else None


def _is_about_time(test: Test) -> bool:
    """Return whether a test asks what a time can answer; text and numbers never equal one."""
    match test:
        case SomeValue(tests=values):
            return all(_compares_time(value) for value in values)
        case Not(test=inner):
            return _is_about_time(inner)
        case Each(tests=inners):
            return all(_is_about_time(inner) for inner in inners)
        case _:
            return True


def _compares_time(test: ValueTest) -> bool:
    match test:
        case Compares(zone=zone) | Between(low=Compares(zone=zone)):
            return zone is not None
        case _:
            return isinstance(test, IsNull)
